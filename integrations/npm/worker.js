// Detects beside the page, which stays smooth:
//   const worker = new Worker(new URL("uhd-detect/worker", import.meta.url), { type: "module" });
//   worker.onmessage = ({ data: { id, people, error } }) => ...;
//   const bitmap = await createImageBitmap(video);
//   worker.postMessage({ id: 1, image: bitmap, options: { threshold: 0.4 } }, [bitmap]);
import { detect } from "./browser.js";

self.onmessage = async ({ data: { id, image, options } }) => {
  try {
    self.postMessage({ id, people: await detect(image, options) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  } finally {
    image?.close?.();
  }
};
