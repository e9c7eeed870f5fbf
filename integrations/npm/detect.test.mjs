import assert from "node:assert/strict";
import test from "node:test";
import { detect, info } from "uhd-detect";

test("nobody in a grey picture, and boxes of any threshold lie in order", async () => {
  const grey = { width: 96, height: 64, data: new Uint8ClampedArray(4 * 96 * 64).fill(128) };
  assert.deepEqual(await detect(grey, { threshold: 0.99 }), []);
  const scores = (await detect(grey, { threshold: 0.0001 })).map((found) => found.score);
  assert.deepEqual(scores, scores.toSorted?.((a, b) => b - a) ?? scores);
  assert.equal((await info()).names[0], "person");
});

test("what is no picture is refused", async () => {
  await assert.rejects(detect({ width: 4, height: 4, data: new Uint8Array(3) }), /RGBA/);
});
