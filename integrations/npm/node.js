import { readFile } from "node:fs/promises";
import { Detector } from "./engine/detector.js";
import { detecting, isPixels } from "./pixels.js";

async function load() {
  const [code, weights] = await Promise.all(
    ["model.wasm", "model.bin"].map((name) => readFile(new URL(`./engine/${name}`, import.meta.url))),
  );
  const { instance } = await WebAssembly.instantiate(code);
  return new Detector(instance.exports, weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength));
}

function pixels(source) {
  if (isPixels(source)) return source;
  throw new TypeError("uhd-detect: in Node give { width, height, data }, data being RGBA bytes");
}

export const { detect, info } = detecting(load, pixels);
