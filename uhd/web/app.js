// The page: chooses a source, runs the detector on it, shows boxes and figures.

import { Detector } from "./detector.js";
import { draw } from "./draw.js";
import { Rows, save } from "./rows.js";
import { camera, cameras, picture, video } from "./sources.js";
import { LineCounter, Tracker } from "./track.js";

const LAST = 60; // detections that the median is taken of
const SHOWN = ["picture", "downloads", "close"]; // with any picture
const LIVE = ["pause", "following"]; // with a video or camera
const part = (id) => document.getElementById(id);
const canvas = part("picture");
const pixels = document.createElement("canvas").getContext("2d", { willReadFrequently: true, alpha: false });

let detector;
let source; // what is shown, from sources.js
let still; // its ImageData, where it does not move
let boxes = [];
let paused = false;
let rows; // what was found so far, for download
let tracker; // while people are followed
let counter; // while a line is counted
let drawing; // the first point of a line that is being drawn, or true before it
let frame = 0;
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
  const threshold = Number(part("threshold").value);
  const { width, height } = image;
  if (tracker && source?.live) {
    tracker.high = threshold;
    tracker.low = threshold / 3;
    boxes = tracker.update(detector.detect(image, tracker.low));
    counter?.update(boxes, width, height);
  } else {
    boxes = detector.detect(image, threshold);
  }
  taken.push(performance.now() - start);
  began.push(start);
  if (taken.length > LAST) taken.shift();
  if (began.length > LAST) began.shift();
}

function keep(image) {
  if (!source.live) rows = new Rows(source.name);
  const counts = counter ? { "line 1": { forward: counter.forward, backward: counter.backward } } : undefined;
  const moving = source.live ? [frame++, source.seconds] : [];
  rows.add(boxes, image.width, image.height, moving[0], moving[1], counts);
}

function show() {
  const stage = part("stage").getBoundingClientRect();
  const tallest = innerHeight * (innerWidth <= 832 ? 0.62 : 1) - (innerWidth <= 832 ? 0 : 104);
  const line = counter
    ? { points: counter.line, text: `forward ${counter.forward}, backward ${counter.backward}` }
    : Array.isArray(drawing) && drawing.length === 2 ? { points: drawing } : undefined;
  draw(canvas, source, boxes, [stage.width - 2, Math.max(120, tallest)], { several: detector.info.names.length > 1, line });
  const count = boxes.length;
  const noun = detector.info.names.length > 1 ? "found" : plural(detector.info.names[0], count);
  part("count").value = count;
  part("what").textContent = noun;
  part("latency").value = median(taken).toFixed(1);
  const span = began.at(-1) - began[0];
  part("rate").value = source.live && span > 0 ? Math.round((1000 * (began.length - 1)) / span) : "–";
  part("tracks").value = tracker ? tracker.count : "–";
  part("forward").value = counter ? counter.forward : "–";
  part("backward").value = counter ? counter.backward : "–";
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
  frame = 0;
  rows = new Rows(source.name);
  restart();
  part("welcome").hidden = true;
  for (const id of SHOWN) part(id).hidden = false;
  for (const id of LIVE) part(id).hidden = !source.live;
  if (source.live) {
    loop(source);
    return;
  }
  still = read(source);
  detect(still);
  keep(still);
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
      const image = read(from);
      detect(image);
      keep(image);
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
  drawing = undefined;
  setPaused(false);
}

// Begin to follow and to count anew, as the controls say.
function restart() {
  const line = counter?.line;
  tracker = part("follow").checked || line ? new Tracker(Number(part("threshold").value)) : undefined;
  counter = line ? new LineCounter(line) : undefined;
  part("counts").hidden = !tracker;
  part("line").textContent = line ? "Remove the line" : "Draw a counting line";
}

// A line is drawn by dragging, or with two clicks; shares of the picture.
function drawLine(event) {
  if (!drawing) return;
  const place = canvas.getBoundingClientRect();
  const point = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
  const far = (other) => Math.hypot(point[0] - other[0], point[1] - other[1]) > 0.05;
  if (event.type === "pointerdown" && drawing === true) drawing = [point, point];
  else if (Array.isArray(drawing)) {
    drawing[1] = point;
    if (event.type !== "pointermove" && far(drawing[0])) {
      counter = new LineCounter(drawing);
      drawing = undefined;
      canvas.classList.remove("drawing");
      part("follow").checked = true;
      restart();
    }
  }
  if (source) show();
}

function askForLine() {
  const had = counter || drawing;
  counter = undefined;
  drawing = had ? undefined : true;
  canvas.classList.toggle("drawing", Boolean(drawing));
  restart();
  if (drawing) part("line").textContent = "Drag over the picture; or stop";
}

function leave() {
  if (!source) return;
  stop();
  for (const id of [...SHOWN, ...LIVE, "cameras"]) part(id).hidden = true;
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
  if (file) attempt(async () => use(file.type.startsWith("video/") ? await video(file) : await picture(file, file.name)));
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
  part("example").onclick = () => attempt(async () => use(await picture(await (await fetch("example.jpg")).blob(), "example.jpg")));
  part("file").onchange = (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  };
  part("pause").onclick = () => setPaused(!paused);
  part("close").onclick = leave;
  part("save").onclick = () => canvas.toBlob((blob) => save(blob, "image/png", "people.png"));
  part("save-json").onclick = () => save(rows.json, "application/json", source.live ? "people.jsonl" : "people.json");
  part("save-csv").onclick = () => save(rows.csv, "text/csv", "people.csv");
  part("follow").onchange = () => {
    if (!part("follow").checked) counter = undefined;
    restart();
  };
  part("line").onclick = askForLine;
  for (const kind of ["pointerdown", "pointermove", "pointerup"]) canvas.addEventListener(kind, drawLine);
  addEventListener("resize", () => source && show());
  part("threshold").oninput = () => {
    part("shown").value = Number(part("threshold").value).toFixed(2);
    if (still) {
      detect(still);
      keep(still);
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
  const finished = use(await picture(blob, asked.get("image")));
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
