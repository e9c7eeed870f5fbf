// The detector: the C export compiled to WebAssembly, its weights read from half floats.

const BOX_BYTES = 24; // x1, y1, x2, y2, score as float32, class id as int32

export class Detector {
  // Load code and weights from beside this file.
  static async load() {
    const [instance, weights] = await Promise.all([code("model.wasm"), bytes("model.bin")]);
    return new Detector(instance.exports, weights);
  }

  constructor(wasm, weights) {
    this.wasm = wasm;
    const count = wasm.weight_count();
    if (weights.byteLength !== 2 * count) {
      throw new Error(`model.bin has ${weights.byteLength} bytes, model.wasm needs ${2 * count}: they are not of one model`);
    }
    toFloats(new Uint16Array(weights), new Float32Array(wasm.memory.buffer, wasm.weights(), count));
    const text = new Uint8Array(wasm.memory.buffer, wasm.info(), wasm.info_bytes());
    this.info = JSON.parse(new TextDecoder().decode(text));
    this.bytes = weights.byteLength;
  }

  // Detect in an ImageData; returns boxes in its pixels, best first.
  detect(image, threshold, overlap = this.info.nms_iou) {
    const { width, height, data } = image;
    const place = this.wasm.image(width, height);
    if (!place) throw new Error(`no memory for a picture of ${width} x ${height} pixels`);
    new Uint8Array(this.wasm.memory.buffer, place, data.length).set(data);
    const count = this.wasm.detect(width, height, threshold, overlap);
    const view = new DataView(this.wasm.memory.buffer, this.wasm.boxes(), Math.max(0, count) * BOX_BYTES);
    const found = [];
    for (let at = 0; at < view.byteLength; at += BOX_BYTES) {
      const id = view.getInt32(at + 20, true);
      found.push({
        xyxy: [0, 4, 8, 12].map((step) => view.getFloat32(at + step, true)),
        score: view.getFloat32(at + 16, true),
        class_id: id,
        name: this.info.names[id] ?? `class ${id}`,
      });
    }
    return found;
  }
}

async function code(name) {
  const answer = await get(name);
  if (WebAssembly.instantiateStreaming && answer.headers.get("Content-Type") === "application/wasm") {
    return (await WebAssembly.instantiateStreaming(answer)).instance;
  }
  return (await WebAssembly.instantiate(await answer.arrayBuffer())).instance;
}

async function bytes(name) {
  return (await get(name)).arrayBuffer();
}

async function get(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer;
}

// IEEE 754 half floats to float32; exact.
function toFloats(halves, floats) {
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    floats[i] = half & 0x8000 ? -size : size;
  }
}
