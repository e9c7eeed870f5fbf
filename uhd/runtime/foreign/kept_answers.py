"""Answers of slow models, kept in a file by what was asked: nothing is asked twice, not even after a kill."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class KeptAnswers:
    """A table from a digest to an array of rows, appended to line by line.

    Args:
        folder: is created.
        model: file of the model that answers; the table's name holds its digest.
        shape: of one row: its last axes.
        about: what was asked, where one model is asked for several things; part of the table's name.
    """

    def __init__(self, folder: Path, model: Path, shape: tuple[int, ...], about: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._shape = shape
        path = folder / f"{model.stem}-{hashlib.sha256(model.read_bytes()).hexdigest()[:12]}{about}.jsonl"
        self._known = self._read(path)
        self._file = path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, asked: str) -> bool:
        return asked in self._known

    def __getitem__(self, asked: str) -> NDArray[np.float32]:
        """Return the rows (N, ...) float32 of what was asked."""
        return self._known[asked]

    def add(self, asked: str, rows: NDArray[np.float32]) -> None:
        """Keep an answer, rounded to five decimals as it will be read again."""
        rounded = rows.round(5)
        self._file.write(json.dumps({"image": asked, "rows": rounded.tolist()}) + "\n")
        self._file.flush()
        self._known[asked] = rounded.astype(np.float32)

    def _read(self, path: Path) -> dict[str, NDArray[np.float32]]:
        if not path.is_file():
            return {}
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        if len(whole) < len(lines):  # killed in the middle of a line: what follows must not be glued to it
            path.write_text("".join(whole), encoding="utf-8")
        entries = [json.loads(line) for line in whole]
        return {each["image"]: np.array(each["rows"], np.float32).reshape(-1, *self._shape) for each in entries}
