"""Run a network of this task from its two ONNX files, without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.refer.answers import Array, Found
from uhd.refer.model.vocabulary_file import vocabulary_of
from uhd.resize import canonical_mode, parse_size, to_network
from uhd.runtime.onnx import open_session

KINDS = ("point", "scribble", "box")


def prompt_file(path: Path) -> Path:
    """Return where the prompt graph of an image graph lies: ``refer.onnx`` has ``refer.prompt.onnx`` beside it."""
    return path.with_name(f"{path.stem}.prompt{path.suffix}")


class OnnxFinder:
    """Both graphs behind :class:`~uhd.refer.answers.Finder`.

    Args:
        path: of the image graph; the prompt graph lies beside it.
        threads: of onnxruntime.

    Raises:
        UserError: one of them is missing, or they are of another kind.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        if not prompt_file(path).is_file():
            raise UserError(
                f"{prompt_file(path)}: is missing: a model of this task is two files; copy it beside {path.name}"
            )
        self.image, self.prompt = open_session(path, threads), open_session(prompt_file(path), threads)
        table = dict(self.image.get_modelmeta().custom_metadata_map)
        try:
            self.size = parse_size(table["img_size"])
            self.resize_mode = canonical_mode(table["resize_mode"])
            self.vocabulary = vocabulary_of(json.loads(table["words"]))
            self.longest = int(table["max_words"])
        except (KeyError, ValueError) as error:
            raise UserError(f"{path}: is no image graph of the task refer ({error})") from None
        self.outputs = [output.name for output in self.image.get_outputs()]
        self.inputs = [each.name for each in self.prompt.get_inputs()]

    def look(self, images: NDArray[np.uint8]) -> list[Found]:
        """Return who is in each of (B, H, W, 3) RGB pictures."""
        return [self._look(image) for image in images]

    def ask_texts(self, found: Found, texts: Sequence[str]) -> Array:
        """Return (P, Q) probabilities that a text means a candidate."""
        words = self.vocabulary.encode(texts, self.longest)
        nowhere, none = np.zeros((len(texts), 0, 2), np.float32), np.zeros((len(texts), 0), np.float32)
        return self._ask(found, words, nowhere, none, np.zeros(3, np.float32))

    def ask_places(self, found: Found, points: Array, kind: str) -> Array:
        """Return (P, Q) probabilities that a place means a candidate; points (P, K, 2) are normalised."""
        vector = np.array([each == kind for each in KINDS], np.float32)
        words = np.zeros((len(points), 1), np.int64)
        return self._ask(found, words, points.astype(np.float32), np.ones(points.shape[:2], np.float32), vector)

    def _look(self, image: NDArray[np.uint8]) -> Found:
        feed = {self.image.get_inputs()[0].name: to_network(image[None], self.resize_mode)}
        out = dict(zip(self.outputs, self.image.run(None, feed), strict=True))
        seen, person = (1 / (1 + np.exp(-out[name][0])) for name in ("visibility", "person"))
        return Found(out["boxes"][0], out["keypoints"][0], seen, person, out["masks"][0], out)

    def _ask(self, found: Found, words: NDArray[np.int64], points: Array, shown: Array, kind: Array) -> Array:
        # The graph reads two points of every prompt, a box's corners; what is not shown counts for nothing.
        missing = ((0, 0), (0, max(0, 2 - points.shape[1])))
        points, shown = np.pad(points, (*missing, (0, 0))), np.pad(shown, missing)
        feed = {**found.state, "words": words, "points": points, "shown": shown, "kind": kind}
        scores: Array = self.prompt.run(None, {name: feed[name] for name in self.inputs})[0]
        return scores
