// Answers pictures from the standard input (width, height, RGBA; little-endian 32-bit numbers) with one line of JSON:
//   node npm_peers.mjs MODULES WEIGHTS
// MODULES: folder where coco-ssd and tfjs are installed. WEIGHTS: folder with coco-ssd's model.json.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { detect } from "../integrations/npm/node.js";

const [modules, weights] = process.argv.slice(2).map((name) => path.resolve(name));
const require = createRequire(path.join(modules, "here.js"));
const tf = require("@tensorflow/tfjs-core");
const { setWasmPaths, setThreadsCount } = require("@tensorflow/tfjs-backend-wasm");
require("@tensorflow/tfjs-backend-cpu"); // what wasm lacks
const cocoSsd = require("@tensorflow-models/coco-ssd");

setWasmPaths(path.join(modules, "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
setThreadsCount(1);
await tf.setBackend("wasm");

// tfjs reads models over HTTP.
const server = createServer(async (request, response) => {
  response.end(await readFile(path.join(weights, path.basename(request.url))));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const modelUrl = `http://127.0.0.1:${server.address().port}/model.json`;
const model = await cocoSsd.load({ base: "lite_mobilenet_v2", modelUrl });
server.close();

async function ours(image) {
  const found = await detect(image, { threshold: 0.01 });
  return found.map(({ xyxy, score }) => [...xyxy, score]);
}

async function theirs(image) {
  const found = await model.detect(image, 100, 0.01);
  return found
    .filter((one) => one.class === "person")
    .map(({ bbox: [x, y, w, h], score }) => [x, y, x + w, y + h, score]);
}

async function timed(way, image) {
  const began = performance.now();
  const boxes = await way(image);
  return { boxes, ms: performance.now() - began };
}

let waiting = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  waiting = Buffer.concat([waiting, chunk]);
  while (waiting.length >= 8) {
    const [width, height] = [waiting.readUInt32LE(0), waiting.readUInt32LE(4)];
    const end = 8 + width * height * 4;
    if (waiting.length < end) break;
    const image = { width, height, data: new Uint8Array(waiting.subarray(8, end)) };
    waiting = waiting.subarray(end);
    process.stdout.write(JSON.stringify({ ours: await timed(ours, image), theirs: await timed(theirs, image) }) + "\n");
  }
}
