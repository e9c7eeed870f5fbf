// Takes the engine (code, compiled model, weights) from the Python package, or from a folder that
// `uhd export --format web MODEL FOLDER` wrote:  node build.mjs [FOLDER]
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const source = process.argv[2] ?? process.env.UHD_WEB ?? path.join(here, "../../uhd/web");
const engine = path.join(here, "engine");

const version = /__version__ = "(.*)"/.exec(await readFile(path.join(source, "../version.py"), "utf8").catch(() => ""))?.[1];
const own = JSON.parse(await readFile(path.join(here, "package.json"), "utf8")).version;
if (version && version !== own) throw new Error(`package.json says ${own}, the Python package ${version}`);

await mkdir(engine, { recursive: true });
for (const name of ["detector.js", "model.wasm", "model.bin"]) {
  await copyFile(path.join(source, name), path.join(engine, name));
}

// The weights began as EfficientNet-Lite0's (Apache-2.0): their card and that licence go with them.
const cards = path.join(source, "../weights");
for (const name of ["MODEL_CARD.md", "LICENSE-APACHE-2.0.txt"]) {
  await copyFile(path.join(cards, name), path.join(engine, name)).catch((error) => {
    if (error.code !== "ENOENT") throw error; // a model of one's own has no card here
  });
}
