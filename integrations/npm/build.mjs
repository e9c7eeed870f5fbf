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
