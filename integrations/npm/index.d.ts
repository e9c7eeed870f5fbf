/// <reference lib="dom" />

/** Pixels as a canvas has them: RGBA bytes, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** What can be searched; in Node only `Pixels`. */
export type Source =
  | Pixels
  | ImageData
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | VideoFrame;

export interface Options {
  /** Least score, 0 to 1; what the model recommends without. */
  threshold?: number;
  /** Boxes that overlap a better one by more (IoU) are left out. */
  overlap?: number;
}

export interface Detection {
  /** Left, top, right, bottom in pixels of the source. */
  xyxy: [number, number, number, number];
  /** 0 to 1. */
  score: number;
  class_id: number;
  name: string;
}

export interface Info {
  names: string[];
  conf_thresh: number;
  nms_iou: number;
  /** Height and width of the network. */
  input_size: [number, number];
  resize_mode: string;
  arch: string;
}

/** Find people; best first. The model is loaded by the first call, from the package: nothing is fetched elsewhere. */
export function detect(source: Source, options?: Options): Promise<Detection[]>;

/** What the model says of itself. */
export function info(): Promise<Info>;
