"""CVAT's XML "for video": tracks of objects over numbered frames."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from uhd.data.formats.cvat_shapes import NO_BOX, SHAPES, rows_of_shapes
from uhd.data.formats.rows import record_of
from uhd.data.image_size import shown_size
from uhd.data.problems import BAD_IMAGE, MISSING_IMAGE, Report
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.read import UnreadableImage, is_image_name

HELD = "CVAT shape held between two key frames (only boxes are moved)"
_FRAME = re.compile(r"(frame[_-]?)?(\d+)", re.IGNORECASE)
_SIDES = ("xtl", "ytl", "xbr", "ybr")


def read_tracks(
    path: Path, root: Element, numbers: Mapping[str, int], joints: Mapping[str, Sequence[str]], report: Report
) -> list[tuple[str, Record]]:
    """Return a record for every frame that lies beside the file, also those that show nobody; subsets are "".

    A box moves evenly between two of its frames where the file leaves out those in between; where it is ``outside``
    nobody is there.

    Args:
        path: the .xml file; frames are looked for as ``images/frame_000000.png``, and beside it.
        root: its content.
        numbers: class name -> number.
        joints: class name -> names of the points of its skeleton.
        report: receives bad shapes, and tracks over frames that are not there.

    Raises:
        UserError: no frame is there.
    """
    frames = _frames(path)
    if not frames:
        raise UserError(
            f"{path}: holds tracks of a video, and no images/frame_000000.png, ... lie beside it: export it from CVAT "
            f"with images, or: ffmpeg -i VIDEO -start_number 0 {path.parent / 'images' / 'frame_%06d.png'}"
        )
    shown: dict[int, list[Element]] = defaultdict(list)
    for track in root.findall("track"):
        for number, shape in _shapes(track, frames, report, path):
            shown[number].append(shape)
    for number in sorted(shown.keys() - frames.keys()):
        report.problem(MISSING_IMAGE, f"{path}: frame {number}: there is no frame_{number:06d} beside it")
    found = []
    for number, image in sorted(frames.items()):
        try:
            size = _size(root) or shown_size(image)
        except UnreadableImage as error:
            report.problem(BAD_IMAGE, str(error))
            continue
        rows = rows_of_shapes(shown[number], numbers, joints, size, f"{path}: frame {number}", report)
        found.append(("", record_of(image, rows, size)))
    return found


def _frames(path: Path) -> dict[int, Path]:
    """Return the frames of a video, by number: of the first folder that has some."""
    for folder in (path.parent / "images", path.parent):
        names = sorted(folder.iterdir()) if folder.is_dir() else []
        numbered = [(_FRAME.fullmatch(each.stem), each) for each in names if is_image_name(each.name)]
        found = {int(match[2]): each for match, each in numbered if match is not None and each.is_file()}
        if found:
            return found
    return {}


def _shapes(track: Element, frames: Mapping[int, Path], report: Report, path: Path) -> Iterator[tuple[int, Element]]:
    """Yield the shapes of a track with the frames that show them."""
    shapes = sorted((shape for shape in track if shape.get("frame", "").isdecimal()), key=_number)
    for shape, after in zip(shapes, [*shapes[1:], None], strict=True):
        if shape.tag not in SHAPES:
            report.note(NO_BOX, case=f"{path}: {shape.tag}")
            continue
        if shape.get("outside") == "1":
            continue
        for name in ("label", "group_id"):
            shape.set(name, shape.get(name) or track.get(name) or "0")
        yield _number(shape), shape
        between = range(_number(shape) + 1, _number(shape) if after is None else _number(after))
        for number in filter(frames.__contains__, between):
            assert after is not None
            yield number, _between(shape, after, number)
            report.note(HELD, int(shape.tag != "box"))


def _between(shape: Element, after: Element, number: int) -> Element:
    """Return a shape at a frame between its own and the next of its track."""
    if shape.tag != "box" or after.tag != "box":
        return shape
    share = (number - _number(shape)) / (_number(after) - _number(shape))
    moved = {
        side: float(shape.get(side, "nan")) * (1 - share) + float(after.get(side, "nan")) * share for side in _SIDES
    }
    turn = (float(after.get("rotation", 0)) - float(shape.get("rotation", 0)) + 180) % 360 - 180
    moved["rotation"] = float(shape.get("rotation", 0)) + share * turn
    found = Element(shape.tag, shape.attrib | {side: repr(value) for side, value in moved.items()})
    found.extend(shape)
    return found


def _number(shape: Element) -> int:
    return int(shape.get("frame", ""))


def _size(root: Element) -> tuple[int, int] | None:
    entry = root.find(".//original_size")
    try:
        return None if entry is None else (int(entry.findtext("height", "")), int(entry.findtext("width", "")))
    except ValueError:
        return None
