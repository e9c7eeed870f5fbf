"""Where the images are, how they are split, and what size the network reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize
from uhd.resize import KERAS_NAMES, RESIZE_MODES, canonical_mode

CACHE_KINDS = ("ram", "file", "none")
_GROUP = "data"


def parse_classes(text: str) -> tuple[int, ...]:
    """Turn ``"0"`` or ``"0,2,5"`` into class numbers; ``"person,traffic light"`` into names, of which ``all`` is all.

    Names become numbers once the data set is known (:func:`uhd.data.class_names.named_classes`), before anything else
    reads them; the type says numbers.

    Raises:
        ValueError: negative, repeated, numbers among names, or none at all.
    """
    try:
        classes = tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        return _parse_class_names(text)
    if not classes or min(classes) < 0:
        raise ValueError("needs class numbers from 0, such as 0,1, or names")
    if len(set(classes)) != len(classes):
        raise ValueError("names a class twice")
    return classes


def _parse_class_names(text: str) -> tuple[int, ...]:
    names = parse_names(text)
    if not names or any(name.lstrip("-").replace(".", "").isdigit() for name in names):
        raise ValueError("is not a list of class numbers such as 0,1, or of names")
    if len(set(names)) != len(names):
        raise ValueError("names a class twice")
    return cast("tuple[int, ...]", names)


def parse_some_classes(text: str) -> tuple[int, ...]:
    """Turn text into class numbers as :func:`parse_classes`; empty text means none."""
    return parse_classes(text) if text.strip() else ()


def parse_names(text: str) -> tuple[str, ...]:
    """Turn ``"person,car"`` into names; names may hold spaces, not commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class DataConfig:
    """Settings of the data set; see the help text of each knob."""

    image_dir: Path | None = knob(
        None,
        "folder of images with YOLO .txt labels, or a data.yaml, a COCO .json, or a .txt list of images",
        group=_GROUP,
        original=Path("data/wholebody34/obj_train_data"),
        keras=Path("data/wholebody34/obj_train_data"),
    )
    train_list: Path | None = knob(None, "text file with one training image per line (with --val-list)", group=_GROUP)
    val_list: Path | None = knob(None, "text file with one validation image per line (with --train-list)", group=_GROUP)
    train_split: float = knob(0.8, "share of the images to train on", group=_GROUP, minimum=0.0, maximum=1.0)
    val_split: float = knob(0.2, "share of the images to validate on", group=_GROUP, minimum=0.0, maximum=1.0)
    split_seed: int | None = knob(
        42,
        "seed of the split, where the data has none; none: --seed",
        group=_GROUP,
        minimum=0,
        original=None,
        keras=None,
    )
    split_by: str = knob(
        "name",
        "how the split is drawn: name (data that grows keeps its validation images) or shuffle (exact shares)",
        group=_GROUP,
        choices=("name", "shuffle"),
        original="shuffle",
        keras="shuffle",
    )
    classes: tuple[int, ...] = knob(
        (0,),
        "classes to detect: numbers in the label files, e.g. 0,2, or names; all: every one that the data name",
        group=_GROUP,
        minimum=0,
        parse=parse_classes,
    )
    class_names: tuple[str, ...] = knob(
        (), "names of --classes in the same order (default: from data.yaml)", group=_GROUP, parse=parse_names
    )
    multi_label_mode: str = knob(
        "none",
        "an object may have several classes: in one branch (single), or attributes in their own (separate)",
        group=_GROUP,
        choices=("none", "single", "separate"),
    )
    multi_label_det_classes: tuple[int, ...] = knob(
        (), "class numbers that are objects (default: the rest of --classes)", group=_GROUP, parse=parse_some_classes
    )
    multi_label_attr_classes: tuple[int, ...] = knob(
        (),
        "class numbers that describe the object at the same place (default: the rest of --classes)",
        group=_GROUP,
        parse=parse_some_classes,
    )
    drop_empty: bool = knob(False, "leave out images without a wanted object", group=_GROUP, original=True)
    strict: bool = knob(False, "stop at the first bad label or image instead of skipping it", group=_GROUP)
    img_size: tuple[int, int] = same_knob(
        NetworkSize, "img_size", (64, 64), help="input size of the network as HEIGHTxWIDTH", group=_GROUP, minimum=1
    )
    resize_mode: str = knob(
        "opencv_inter_nearest",
        "how an image becomes the network's input",
        group=_GROUP,
        choices=RESIZE_MODES,
        original="torch_bilinear",
        shortcuts={mode: mode for mode in RESIZE_MODES} | KERAS_NAMES,
        parse=canonical_mode,
    )
    cache: str = knob("ram", "where decoded images are kept", group=_GROUP, choices=CACHE_KINDS)
    cache_dir: Path | None = knob(None, "folder for --cache file (default: the user's cache folder)", group=_GROUP)
    num_workers: int | None = knob(
        None,
        "processes that prepare batches; 0: one thread (default: 1 for a long run where a processor is free, else 0)",
        group=_GROUP,
        minimum=0,
        original=8,
    )

    def files(self) -> list[Path]:
        """Return the files and folders that are named, which are read."""
        return [path for path in (self.image_dir, self.train_list, self.val_list) if path is not None]
