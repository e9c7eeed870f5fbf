// The page's detector in V8, the engine of Chromium:
//   uhd export package --format onnx --output default.onnx
//   node benchmarks/browser.mjs [FOLDER default.onnx], FOLDER being npm's onnxruntime-web
//
// One thread, a 640 x 480 RGBA picture of noise. The page's figure holds resizing, network and boxes; onnxruntime-web's
// the network alone, on an input that is ready. Both run in turn, so that a busy machine slows both.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const page = path.join(root, "uhd", "web");
const [ort, model] = process.argv.slice(2);
const [RUNS, WARM] = [300, 50];

// detector.js fetches what lies beside it; here that is a file.
globalThis.fetch = async (url) => new Response(fs.readFileSync(new URL(url)));
const source = fs.readFileSync(path.join(page, "detector.js"), "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path.join(page, "detector.js"))));
const { Detector } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const detector = await Detector.load();

const data = new Uint8ClampedArray(640 * 480 * 4).map((_, i) => ((i * 2654435761) >>> 13) & 255);
const stages = { page: () => detector.detect({ width: 640, height: 480, data }, 0.3) };
const sizes = { page: fs.readdirSync(page).filter((name) => name !== "example.jpg").reduce((sum, name) => sum + fs.statSync(path.join(page, name)).size, 0) };

if (ort) {
  const dist = path.join(ort, "dist");
  const { default: module, InferenceSession, Tensor, env } = await import(pathToFileURL(path.join(dist, "ort.node.min.mjs")));
  const settings = env ?? module.env;
  settings.wasm.numThreads = 1;
  const session = await (InferenceSession ?? module.InferenceSession).create(new Uint8Array(fs.readFileSync(model)));
  const input = new (Tensor ?? module.Tensor)("float32", new Float32Array(3 * 64 * 64).map((_, i) => (i % 255) / 255), [1, 3, 64, 64]);
  stages["onnxruntime-web"] = () => session.run({ [session.inputNames[0]]: input });
  sizes["onnxruntime-web"] = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"].reduce((sum, name) => sum + fs.statSync(path.join(dist, name)).size, fs.statSync(model).size);
}

const taken = Object.fromEntries(Object.keys(stages).map((name) => [name, []]));
for (let i = 0; i < RUNS + WARM; i++) {
  for (const [name, stage] of Object.entries(stages)) {
    const start = performance.now();
    await stage();
    if (i >= WARM) taken[name].push(performance.now() - start);
  }
}
console.log(`${os.cpus()[0].model}, 1 thread, node ${process.versions.node} (V8 ${process.versions.v8})`);
for (const [name, row] of Object.entries(taken)) {
  row.sort((a, b) => a - b);
  const at = (share) => row[Math.floor(share * (row.length - 1))].toFixed(2);
  console.log(`${name.padEnd(16)} fastest ${at(0)} ms  p10 ${at(0.1)} ms  p50 ${at(0.5)} ms  ${(sizes[name] / 1e6).toFixed(2)} MB`);
}
