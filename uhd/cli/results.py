"""What ``uhd predict`` found, as JSON lines, CSV rows, COCO results and YOLO label files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from uhd.cli.output import JSON, claim
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.files import real_path, save_atomic, save_text_soon

CSV_COLUMNS = (
    "image", "frame", "time", "track_id", "class_id", "class_name", "score", "left", "top", "right", "bottom", "drawn",
)  # fmt: skip
STDOUT = Path("-")


class Results:
    """Writes the detections of image after image; every line is on disk when its image is done.

    COCO results are one list, which is written when all is done (or stopped).

    Args:
        lines: file of one JSON object per image, ``-`` for standard output, or None.
        table: CSV file of one row per detection, ``-`` for standard output, or None.
        coco: JSON file of COCO results, ``-`` for standard output, or None.
        inputs: files that are read, which no result may replace.

    Raises:
        UserError: two of them are one file, or one may not be written.
    """

    def __init__(
        self, lines: Path | None, table: Path | None, coco: Path | None = None, inputs: Sequence[Path] = ()
    ) -> None:
        given = [path for path in (lines, table, coco) if path is not None]
        if len({real_path(path) for path in given}) < len(given):
            raise UserError("--json, --csv and --coco write one file each: give them different names")
        self.files = [path for path in given if path != STDOUT]
        self._prints = len(self.files) < len(given)
        self._coco = coco if coco is None or coco == STDOUT else claim(coco, JSON, inputs)
        self._entries: list[tuple[str, int | None, list[dict[str, Any]]]] = []
        self._lines = _open(lines, JSON, inputs)
        self._table = _open(table, (".csv",), inputs)
        if self._table is not None:
            csv.writer(self._table).writerow(CSV_COLUMNS)

    def write(
        self,
        found: Detections,
        image: str,
        *,
        frame: int | None = None,
        time: float | None = None,
        drawn: Path | None = None,
        labels: Path | None = None,
        **extra: Any,
    ) -> None:
        """Write what one image shows.

        Args:
            found: its detections.
            image: its path as it was given, or the name of a camera.
            frame: number in a video, from 0.
            time: seconds since the start of the video.
            drawn: picture or recording on which the boxes are drawn.
            labels: YOLO label file to write.
            extra: further fields of the JSON object, such as counts.
        """
        if labels is not None:
            save_text_soon(labels, _yolo(found))
        # A file name need not be UTF-8; its other bytes are written as \udc.. escapes.
        facts: dict[str, Any] = {"image": image}
        if frame is not None:
            facts["frame"] = frame
        if time is not None:
            facts["time"] = round(time, 3)
        facts |= {key: str(path) for key, path in (("drawn", drawn), ("labels", labels)) if path is not None}
        if self._lines is not None:
            self._lines.write(found.to_json(**facts, **extra) + "\n")
            self._lines.flush()
        if self._table is not None:
            where = [image, facts.get("frame", ""), facts.get("time", "")]
            rows = csv.writer(self._table)
            for each in found.to_dicts():
                what = [each.get("track_id", ""), each["class_id"], each["class_name"], each["score"]]
                rows.writerow([*where, *what, *each["xyxy"], facts.get("drawn", "")])
            self._table.flush()
        if self._coco is not None:
            self._entries.append((image, frame, found.to_coco(0)))

    def say(self, text: str) -> None:
        """Print a line for people: to standard error where the results go to standard output."""
        print(text, file=sys.stderr if self._prints else sys.stdout, flush=True)

    def close(self) -> None:
        """Write what is written at the end, and close the files."""
        for file in (self._lines, self._table):
            if file is not None and file is not sys.stdout:
                file.close()
        if self._coco is not None:
            text = json.dumps(self._coco_results(), indent=None)
            if self._coco == STDOUT:
                print(text)
            else:
                save_atomic(self._coco, lambda path: path.write_text(text, encoding="utf-8"))

    def _coco_results(self) -> list[dict[str, Any]]:
        """Return the entries with ids: the numbers that COCO's own files are named after, else 1, 2, ... in order."""
        stems = [Path(image).stem for image, _, _ in self._entries]
        numbered = all(stem.isdecimal() for stem in stems) and len({int(stem) for stem in stems}) == len(stems)
        return [
            entry | {"image_id": int(stem) if numbered else position, "file_name": image} | _if_video(frame)
            for position, (stem, (image, frame, entries)) in enumerate(zip(stems, self._entries, strict=True), 1)
            for entry in entries
        ]

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path | None, kinds: Sequence[str], inputs: Sequence[Path]) -> TextIO | None:
    if path is None:
        return None
    if path == STDOUT:
        if sys.stdout is None:  # of a program that was started with it closed
            raise UserError("-: standard output is closed; name a file")
        return sys.stdout
    return claim(path, kinds, inputs).open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _if_video(frame: int | None) -> dict[str, int]:
    return {} if frame is None else {"frame": frame}


def _yolo(found: Detections) -> str:
    height, width = found.image_size
    rows = []
    for box, class_id, score in zip(found.xyxy, found.class_ids, found.scores, strict=True):
        left, top, right, bottom = box / (width, height, width, height)
        centre = f"{(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}"
        rows.append(f"{class_id} {centre} {score:.5f}\n")
    return "".join(rows)
