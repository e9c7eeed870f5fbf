"""``uhd data label``: teachers write labels for photographs that have none, or complete those that are there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli.data.place import json_to_output
from uhd.cli.flags import Flags
from uhd.cli.output import write_image
from uhd.config import knob
from uhd.config.groups import JsonText, RayFlags
from uhd.errors import UserError
from uhd.labelling.config import LabelRules
from uhd.model_file import model_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.labelling.folder import Labelled

# Not beside images/: a photograph there would make the folder itself a folder of photographs.
_SHEET = Path("report", "added.jpg")


@dataclass(frozen=True)
class LabelConfig(JsonText, RayFlags):
    """Who labels, and where the result goes."""

    teacher: tuple[Path, ...] = knob(
        (), "model file that labels, or small, ...; give it several times to fuse their answers", repeat=True
    )
    output: Path | None = knob(None, "folder of the new data set; a second run into it repeats no work")
    copy: bool = knob(False, "copy the photographs instead of linking them")
    sheet: int = knob(48, "photographs on the contact sheet of what was added (0: none)", minimum=0, maximum=400)
    threads: int = knob(1, "threads of each teacher", minimum=1)


def main(argv: Sequence[str]) -> int:
    """Label; returns the exit code."""
    about = "Write labels for photographs by better, slower detectors; the photographs themselves are never touched."
    flags = Flags("uhd data label", about, (LabelConfig, LabelRules))
    flags.add_positional("folder", nargs="?", type=Path, help="folder of photographs")
    resolved = flags.resolve(json_to_output(argv))
    config, rules = resolved[LabelConfig], resolved[LabelRules]
    folder: Path | None = resolved.positional.get("folder")
    if folder is None or not config.teacher or config.output is None:
        raise UserError("uhd data label needs photographs, a teacher and a place: DIR --teacher MODEL --output DIR2")
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder of photographs")
    if rules.low > rules.high:
        raise UserError(f"--low {rules.low} is above --high {rules.high}: what lies between is ignored")

    from uhd.labelling.folder import ANSWERS, check_own, label_folder
    from uhd.labelling.teachers import Teacher

    check_own(config.output)
    output, models = config.output, [model_file(path) for path in config.teacher]
    if config.ray is not None:
        from uhd.labelling.cluster import ask_on_ray

        place = output / ANSWERS
        ask_on_ray(folder, models, place, config.ray, config.ray_workers, config.shard_size, rules.every_class)
    with ExitStack() as stack:
        cache, every = output / ANSWERS, rules.every_class
        teachers = [stack.enter_context(Teacher(path, cache, config.threads, every)) for path in models]
        done = label_folder(folder, output, teachers, rules, config.copy)
        asked = max(teacher.asked for teacher in teachers)
    if config.sheet and done.added_to:
        (output / _SHEET).parent.mkdir(exist_ok=True)
        write_image(output / _SHEET, _sheet(done, folder, config.sheet))
    summary = {
        "photographs": done.photographs, "labels kept": done.kept, "labels added": done.added,
        "ignore regions added": done.ignored, "looked at now": asked, "output": str(output),
    }  # fmt: skip
    if config.json:
        print(json.dumps(summary))
        return 0
    for line in done.report.lines():
        print(line)
    kept = f"{done.kept} labels kept, " if rules.complete else ""
    print(
        f"{done.photographs} photographs ({asked} looked at now): {kept}{done.added} labels and {done.ignored} ignore "
        f"regions by {', '.join(teacher.name for teacher in teachers)}"
    )
    sheet = f"; look at {output / _SHEET}" if config.sheet and done.added_to else ""
    print(f"wrote {output}: what was added stands in labels.json{sheet}")
    print(f"next: uhd train {shlex.quote(str(output))} {'--classes all' if rules.every_class else '--ckpt package'}")
    return 0


def _sheet(done: Labelled, folder: Path, count: int) -> NDArray[np.uint8]:
    """Return a contact sheet (H, W, 3) of photographs with their new labels, most people first."""
    import cv2
    import numpy as np

    from uhd.detections import Detections
    from uhd.draw import contact_sheet, draw
    from uhd.read import read_image

    side, tiles = 192, []
    for name, (boxes, scores, classes) in sorted(done.added_to.items(), key=lambda each: (-len(each[1][0]), each[0]))[
        :count
    ]:
        image = read_image(folder / name)
        scale = side / max(image.shape[:2])
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        small: NDArray[np.uint8] = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        pixels = (boxes * np.array([size[0], size[1]] * 2, np.float32)).astype(np.float32)
        found = Detections(pixels, scores, classes, (size[1], size[0]))
        tile = np.full((side, side, 3), 32, np.uint8)
        tile[: size[1], : size[0]] = draw(small, found)
        tiles.append(tile)
    return contact_sheet(tiles)
