// What all runtimes share: options, and one detector that is loaded once.

export function detecting(load, pixels) {
  let loaded;
  const model = () => (loaded ??= load().catch((error) => {
    loaded = undefined; // the next call tries again
    throw error;
  }));
  async function detect(source, { threshold, overlap } = {}) {
    const engine = await model();
    return engine.detect(pixels(source), threshold ?? engine.info.conf_thresh, overlap ?? engine.info.nms_iou);
  }
  async function info() {
    return (await model()).info;
  }
  return { detect, info };
}

export function isPixels(source) {
  const { width, height, data } = source ?? {};
  return width > 0 && height > 0 && ArrayBuffer.isView(data) && data.byteLength === 4 * width * height;
}
