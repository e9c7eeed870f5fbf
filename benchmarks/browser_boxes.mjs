// The page's detector as a filter, so that it can be scored: pictures on standard input, boxes on standard output.
//
//     node browser_boxes.mjs [FOLDER OF THE PAGE [THRESHOLD [IOU]]]
//
// In, per picture: width and height (uint32, little-endian), then RGBA bytes. Out: one line of JSON,
// [[x1, y1, x2, y2, score, class], ...] in pixels. By default the page of the package, threshold 0.001, duplicates dropped
// at IoU 0.5; an IoU of "own" is that of the model.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, threshold = "0.001", overlap = "0.5"] = process.argv.slice(2);
const page = folder ? path.resolve(folder) : path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..", "uhd", "web");
globalThis.fetch = async (url) => new Response(fs.readFileSync(new URL(url)));
const here = JSON.stringify(pathToFileURL(path.join(page, "detector.js")));
const source = fs.readFileSync(path.join(page, "detector.js"), "utf8").replaceAll("import.meta.url", here);
const { Detector } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const detector = await Detector.load();

let waiting = Buffer.alloc(0);
for await (const part of process.stdin) {
  waiting = Buffer.concat([waiting, part]);
  while (waiting.length >= 8) {
    const [width, height] = [waiting.readUInt32LE(0), waiting.readUInt32LE(4)];
    const end = 8 + 4 * width * height;
    if (waiting.length < end) break;
    const data = new Uint8ClampedArray(waiting.subarray(8, end));
    waiting = waiting.subarray(end);
    const rule = overlap === "own" ? detector.info.nms_iou : Number(overlap);
    const found = detector.detect({ width, height, data }, Number(threshold), rule);
    const rows = found.map((box) => [...box.xyxy, box.score, box.class_id]);
    process.stdout.write(`${JSON.stringify(rows)}\n`);
  }
}
