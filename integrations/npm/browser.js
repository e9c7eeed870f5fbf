import { Detector } from "./engine/detector.js";
import { detecting, isPixels } from "./pixels.js";

let canvas;

function pixels(source) {
  if (isPixels(source)) return source;
  const width = source?.videoWidth ?? source?.naturalWidth ?? source?.displayWidth ?? source?.width;
  const height = source?.videoHeight ?? source?.naturalHeight ?? source?.displayHeight ?? source?.height;
  if (!(width > 0 && height > 0)) {
    throw new TypeError("uhd-detect: give an image that is loaded, a video that plays, a canvas, a bitmap or ImageData");
  }
  canvas ??= typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(1, 1);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.clearRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

export const { detect, info } = detecting(() => Detector.load(), pixels);
