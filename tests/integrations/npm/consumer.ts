import { detect, info, type Detection, type Options, type Pixels } from "uhd-detect";

const pixels: Pixels = { width: 2, height: 2, data: new Uint8Array(16) };
const options: Options = { threshold: 0.2 };
const found: Detection[] = await detect(pixels, options);
const [left, , right]: [number, number, number, number] = found[0]!.xyxy;
const names: string[] = (await info()).names;
export const told: [number, string[]] = [right - left, names];

export async function onPage(video: HTMLVideoElement, canvas: HTMLCanvasElement, photo: HTMLImageElement): Promise<number> {
  const people = [await detect(video), await detect(canvas), await detect(photo), await detect(await createImageBitmap(video))];
  return people.flat().filter((each) => each.score > 0.5).length;
}

// @ts-expect-error: no source
await detect("photo.jpg");
// @ts-expect-error: no such option
await detect(pixels, { treshold: 1 });
