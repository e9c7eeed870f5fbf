// What was found, as the files that `uhd predict --json` and `--csv` write.

const COLUMNS = ["image", "frame", "time", "track_id", "class_id", "class_name", "score", "left", "top", "right", "bottom"];
const MOST = 100000; // frames that are kept of a camera; then the oldest go

export class Rows {
  constructor(name) {
    this.name = name;
    this.frames = [];
  }

  // Take in a picture; `frame` and `time` (seconds) are undefined where it does not move.
  add(boxes, width, height, frame, time, counts) {
    this.frames.push({ frame, time, counts, height, width, boxes });
    if (this.frames.length > MOST) this.frames.shift();
  }

  get json() {
    return this.frames.map(({ frame, time, counts, height, width, boxes }) => JSON.stringify({
      image: this.name,
      ...(frame === undefined ? {} : { frame, time: round(time, 3) }),
      ...(counts ? { counts } : {}),
      height,
      width,
      detections: boxes.map(({ xyxy, score, class_id, name, track_id }) => ({
        xyxy: xyxy.map((value) => round(value, 2)), score: round(score, 5), class_id, class_name: name,
        ...(track_id === undefined ? {} : { track_id }),
      })),
    })).join("\n") + "\n";
  }

  get csv() {
    const lines = this.frames.flatMap(({ frame, time, boxes }) => boxes.map(({ xyxy, score, class_id, name, track_id }) => [
      this.name, frame ?? "", time === undefined ? "" : round(time, 3), track_id ?? "", class_id, name, round(score, 5),
      ...xyxy.map((value) => round(value, 2)),
    ].map(quoted).join(",")));
    return [COLUMNS.join(","), ...lines].join("\r\n") + "\r\n";
  }
}

export function save(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}

function quoted(value) {
  return /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value;
}
