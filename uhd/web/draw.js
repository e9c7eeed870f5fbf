// A picture with boxes and scores on a canvas of the picture's own size.

export function draw(canvas, source, boxes, several) {
  const { width, height } = source;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(source.image, 0, 0, width, height);
  // Lines and letters keep their size on the screen, however large the picture is.
  const scale = width / (canvas.clientWidth || width);
  context.lineWidth = 2.5 * scale;
  context.font = `600 ${13 * scale}px system-ui, sans-serif`;
  context.textBaseline = "top";
  for (const { xyxy: [x1, y1, x2, y2], score, class_id, name } of [...boxes].reverse()) {
    const colour = `hsl(${(140 + class_id * 137.5) % 360} 85% 45%)`;
    const text = several ? `${name} ${score.toFixed(2)}` : score.toFixed(2);
    const wide = context.measureText(text).width + 8 * scale;
    const tall = 18 * scale;
    const top = y1 >= tall ? y1 - tall : y1;
    const left = Math.max(0, Math.min(x1 - context.lineWidth / 2, width - wide));
    context.strokeStyle = colour;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.fillStyle = colour;
    context.fillRect(left, top, wide, tall);
    context.fillStyle = "#fff";
    context.fillText(text, left + 4 * scale, top + 3 * scale);
  }
}
