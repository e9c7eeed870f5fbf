// A picture with boxes and scores on a canvas as large as it is shown; no text lies on another.

const COLOURS = ["#ff4040", "#40a0ff", "#40c860", "#ffb000", "#c860ff", "#00c8c8", "#ff70b0"];
const NOTE = "#181818";
const LARGEST = 4096; // pixels of a canvas's side

// Draw `source` so that it fills a place of `room` = [width, height] in pixels of the page.
export function draw(canvas, source, boxes, room, { several = false, notes = [], line } = {}) {
  const dense = window.devicePixelRatio || 1;
  const shown = Math.min(room[0] / source.width, room[1] / source.height);
  const zoom = Math.min(shown * dense, LARGEST / Math.max(source.width, source.height));
  const width = Math.max(1, Math.round(source.width * zoom)), height = Math.max(1, Math.round(source.height * zoom));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.style.width = `${Math.round(source.width * shown)}px`;
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingEnabled = zoom < 3; // a small picture shows its pixels
  context.drawImage(source.image, 0, 0, width, height);
  const unit = zoom / shown;
  context.lineWidth = 2.5 * unit;
  context.font = `600 ${14 * unit}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const placed = [];
  const plates = [];
  const colour = (box) => COLOURS[(box.track_id ?? box.class_id) % COLOURS.length];
  for (const box of [...boxes].reverse()) {
    const [x1, y1, x2, y2] = box.xyxy.map((value) => value * zoom);
    context.strokeStyle = colour(box);
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
  const tall = 20 * unit;
  const plate = (text, fill, corners) => {
    const wide = context.measureText(text).width + 10 * unit;
    for (const [x, y] of corners(wide)) {
      const left = Math.max(0, Math.min(x, width - wide)), top = y;
      if (top < 0 || top + tall > height || wide > width) continue;
      if (placed.some((other) => left < other[2] && other[0] < left + wide && top < other[3] && other[1] < top + tall)) continue;
      placed.push([left, top, left + wide, top + tall]);
      plates.push([text, fill, left, top, wide]);
      return;
    }
  };
  if (line) {
    const [[x1, y1], [x2, y2]] = line.points.map(([x, y]) => [x * width, y * height]);
    context.strokeStyle = "#ffff00";
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    if (line.text) plate(line.text, NOTE, () => [[x1, y1], [x1, y1 - tall], [x2, y2], [x2, y2 - tall]]);
  }
  notes.forEach((text) => plate(text, NOTE, () => [0, 1, 2, 3].map((row) => [0, row * tall])));
  for (const box of boxes) {
    const [x1, y1, x2, y2] = box.xyxy.map((value) => value * zoom);
    const number = box.track_id ? `#${box.track_id} ` : "";
    const text = `${number}${several ? `${box.name} ` : ""}${box.score.toFixed(2)}`;
    plate(text, colour(box), (wide) => [0, 1, 2, 3].flatMap((step) => [
      [x1, y1 - (step + 1) * tall], [x2 - wide, y1 - (step + 1) * tall], [x1, y2 + step * tall], [x2 - wide, y2 + step * tall],
      [x2, y1 + step * tall], [x1 - wide, y1 + step * tall], [x1, y2 - (step + 1) * tall], [x1, y1 + step * tall],
    ]));
  }
  for (const [text, fill, left, top, wide] of plates) {
    context.fillStyle = fill;
    context.fillRect(left, top, wide, tall);
    context.fillStyle = fill === NOTE ? "#fff" : "#000"; // at least 4.5:1 on all of the colours
    context.fillText(text, left + 5 * unit, top + tall / 2);
  }
  return plates.length;
}
