// The page: chooses a source, runs the detector on it, shows boxes and figures.

import { Detector } from "./detector.js";
import { draw } from "./draw.js";
import { camera, cameras, picture, video } from "./sources.js";

const LAST = 60; // detections that the median is taken of
const part = (id) => document.getElementById(id);
const canvas = part("picture");
const pixels = document.createElement("canvas").getContext("2d", { willReadFrequently: true, alpha: false });

let detector;
let source; // what is shown, from sources.js
let still; // its ImageData, where it does not move
let boxes = [];
let paused = false;
const taken = []; // milliseconds of the last detections
const began = []; // when they began

function read(from) {
  const { width, height } = from;
  if (pixels.canvas.width !== width || pixels.canvas.height !== height) {
    pixels.canvas.width = width;
    pixels.canvas.height = height;
  }
  pixels.drawImage(from.image, 0, 0, width, height);
  return pixels.getImageData(0, 0, width, height);
}

function detect(image) {
  const start = performance.now();
  boxes = detector.detect(image, Number(part("threshold").value));
  taken.push(performance.now() - start);
  began.push(start);
  if (taken.length > LAST) taken.shift();
  if (began.length > LAST) began.shift();
}

function show() {
  draw(canvas, source, boxes, detector.info.names.length > 1);
  const count = boxes.length;
  const noun = detector.info.names.length > 1 ? "found" : plural(detector.info.names[0], count);
  part("count").value = count;
  part("what").textContent = noun;
  part("latency").value = median(taken).toFixed(1);
  const span = began.at(-1) - began[0];
  part("rate").value = source.live && span > 0 ? Math.round((1000 * (began.length - 1)) / span) : "–";
  canvas.setAttribute("aria-label", `Picture with ${count} ${noun}`);
}

function plural(name, count) {
  if (name === "person") return count === 1 ? "person" : "people";
  return name;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : 0;
}

async function use(next) {
  stop();
  taken.length = began.length = 0;
  source = next;
  for (const id of ["welcome"]) part(id).hidden = true;
  for (const id of ["picture", "save", "close"]) part(id).hidden = false;
  part("pause").hidden = !source.live;
  if (source.live) {
    loop(source);
    return;
  }
  still = read(source);
  detect(still);
  show();
  announce();
  // A single run says little of the time it takes: run it again, between frames.
  const shown = source;
  for (let i = 0; i < LAST && source === shown; i++) {
    await new Promise((done) => setTimeout(done, 10));
    if (source === shown) {
      detect(still);
      part("latency").value = median(taken).toFixed(1);
    }
  }
}

function loop(from) {
  from.next(() => {
    if (source !== from) return;
    if (!paused && from.width && from.height) {
      detect(read(from));
      show();
    }
    loop(from);
  });
}

function stop() {
  source?.close?.();
  source?.image?.close?.();
  source = still = undefined;
  boxes = [];
  setPaused(false);
}

function leave() {
  if (!source) return;
  stop();
  for (const id of ["picture", "save", "close", "pause", "cameras"]) part(id).hidden = true;
  for (const id of ["count", "latency", "rate"]) part(id).value = "–";
  part("welcome").hidden = false;
  tell("Show me a picture.");
  part("camera").focus();
}

function setPaused(now) {
  paused = now;
  source?.pause?.(paused);
  part("pause").textContent = paused ? "Go on" : "Pause";
  part("pause").setAttribute("aria-pressed", String(paused));
}

function tell(text, bad = false) {
  part("message").textContent = text;
  part("message").classList.toggle("bad", bad);
}

// Screen readers are told the number when it stays, not at every frame.
function announce() {
  part("announce").textContent = source ? canvas.getAttribute("aria-label") : "";
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    leave();
    tell(error.message, true);
  }
}

function take(file) {
  if (file) attempt(async () => use(file.type.startsWith("video/") ? await video(file) : await picture(file)));
}

function startCamera(id) {
  return attempt(async () => {
    const from = await camera(id);
    await use(from);
    const devices = await cameras();
    part("which").replaceChildren(
      ...devices.map((device, i) => new Option(device.label || `Camera ${i + 1}`, device.deviceId, false, device.deviceId === from.deviceId)),
    );
    part("cameras").hidden = devices.length < 2;
  });
}

function wire() {
  part("camera").onclick = () => startCamera();
  part("which").onchange = (event) => startCamera(event.target.value);
  part("open").onclick = () => part("file").click();
  part("example").onclick = () => attempt(async () => use(await picture(await (await fetch("example.jpg")).blob())));
  part("file").onchange = (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  };
  part("pause").onclick = () => setPaused(!paused);
  part("close").onclick = leave;
  part("save").onclick = () => canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "people.png";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  part("threshold").oninput = () => {
    part("shown").value = Number(part("threshold").value).toFixed(2);
    if (still) {
      detect(still);
      show();
      announce();
    }
  };
  let inside = 0;
  addEventListener("dragenter", (event) => { event.preventDefault(); inside++; part("drop").hidden = false; });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragleave", () => { inside--; part("drop").hidden = inside > 0; });
  addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    part("drop").hidden = true;
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button, summary")) return;
    if (event.key === "c") part("camera").click();
    else if (event.key === "o") part("open").click();
    else if (event.key === "Escape") leave();
    else if (event.key === " " && source?.live) { event.preventDefault(); setPaused(!paused); }
  });
}

// ?image=photo.jpg shows a picture of this server; with &json the boxes are written into the page as text.
async function fromAddress() {
  const asked = new URLSearchParams(location.search);
  if (asked.has("conf")) {
    part("threshold").value = asked.get("conf");
    part("threshold").oninput();
  }
  if (!asked.has("image")) return;
  const blob = await (await fetch(asked.get("image"))).blob();
  const finished = use(await picture(blob));
  if (!asked.has("json")) return;
  const found = { width: source.width, height: source.height, boxes };
  await finished;
  found.milliseconds = median(taken);
  part("json").textContent = JSON.stringify(found);
  part("json").hidden = false;
}

async function start() {
  wire();
  try {
    detector = await Detector.load();
  } catch (error) {
    tell(`The model could not be loaded: ${error.message}`, true);
    return;
  }
  const { info } = detector;
  part("threshold").value = info.conf_thresh;
  part("threshold").oninput();
  part("about").textContent =
    `${info.arch}, ${info.input_size[1]} x ${info.input_size[0]} pixels, ${(info.multiply_adds / 1e6).toFixed(1)} million ` +
    `multiply-adds, ${Math.round(detector.bytes / 1000)} kB of weights${info.licence ? `, ${info.licence}` : ""}. ` +
    "C compiled to WebAssembly; one thread of your processor.";
  for (const id of ["camera", "open", "example"]) part(id).disabled = false;
  tell("Show me a picture.");
  await attempt(fromAddress);
  document.documentElement.dataset.ready = "true";
}

navigator.serviceWorker?.register("sw.js").catch(() => {}); // without it the page works, but not offline
start();
