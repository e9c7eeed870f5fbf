"""Which images of a data set a model is measured on: never silently those it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uhd.card import ModelCard
from uhd.data.config import DataConfig
from uhd.data.open import OpenedData, open_data
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.errors import UserError
from uhd.trained_on import TrainedOn

PARTS = ("val", "train", "test", "all")
SEED = 42


@dataclass(frozen=True)
class Wanted:
    """What the user asked for; None where the data and the model decide.

    Attributes:
        part: one of ``PARTS``.
        seed, train_split, val_split: of a split that the data leaves open.
    """

    part: str | None = None
    seed: int | None = None
    train_split: float | None = None
    val_split: float | None = None

    @property
    def splits(self) -> bool:
        """Whether the user asked for a split."""
        return (self.seed, self.train_split, self.val_split) != (None, None, None)


@dataclass(frozen=True, eq=False)
class Part:
    """The images that are measured.

    Attributes:
        name: one of ``PARTS``.
        records: labelled images.
        split: seed and shares it was drawn with; None where the data has parts, or all is measured.
        reason: why this part, for people.
        warnings: what makes the figures worth less.
        opened: the data set.
    """

    name: str
    records: list[Record]
    split: TrainedOn | None
    reason: str
    warnings: tuple[str, ...]
    opened: OpenedData

    def describe(self) -> dict[str, object]:
        """Return part, split and warnings as plain values."""
        drawn = self.split
        how = None if drawn is None else {
            "seed": drawn.seed, "train_split": drawn.train_split, "val_split": drawn.val_split, "by": drawn.split_by,
        }  # fmt: skip
        return {"part": self.name, "split": how, "reason": self.reason, "warnings": list(self.warnings)}


def choose_part(data: DataConfig, cards: Sequence[ModelCard], wanted: Wanted) -> Part:
    """Open a data set and choose the images for these models.

    What the user asks for counts. Else a data set with parts of its own is measured on its ``val``; one without, on
    the part that the first model which was trained on it was not trained on, and as a whole if none was.

    Raises:
        UserError: the data cannot be opened, or has no such part.
    """
    opened = open_data(data, divide=False)
    test = opened.test or []
    everything = opened.everything
    known = [card.trained_on for card in cards if card.trained_on is not None]
    place = (data.image_dir or data.val_list or Path()).resolve()
    here = next((each for each in known if _is_of(each, everything, place)), None)
    drawn = None
    if opened.val:
        parts = {"train": opened.train, "val": opened.val, "test": test, "all": everything}
        name, reason = wanted.part or "val", "the data says so"
    elif wanted.part == "all" or (wanted.part is None and not wanted.splits and here is None):
        name, parts, reason = "all", {"all": everything}, "asked for" if wanted.part else _why_all(cards)
    else:
        drawn = _drawn(wanted, here)
        train, val = split_records(opened.train, drawn.train_split, drawn.val_split, drawn.seed or 0, drawn.split_by)
        parts = {"train": train, "val": val, "test": test, "all": everything}
        name = wanted.part or "val"
        reason = "asked for" if wanted.splits or here is None else "the split that the model was trained with"
    if not parts.get(name):
        raise UserError(f"{place}: has no images for --split {name}")
    warnings = _names_differ(opened, cards) + _trained(parts[name], known)
    return Part(name, parts[name], drawn, reason, tuple(warnings), opened)


def _drawn(wanted: Wanted, here: TrainedOn | None) -> TrainedOn:
    """Return the split that the user asks for, with what the model's training says where the user is silent."""
    base = here or TrainedOn(seed=SEED)
    train, val = wanted.train_split, wanted.val_split
    if val is None:
        val = base.val_split if train is None else 1 - train
    if train is None:
        train = base.train_split if wanted.val_split is None else 1 - val
    seed = wanted.seed if wanted.seed is not None else base.seed if base.seed is not None else SEED
    return replace(base, seed=seed, train_split=train, val_split=val)


def _is_of(trained: TrainedOn, records: Sequence[Record], place: Path) -> bool:
    if trained.sketch:
        return trained.among([record.image for record in records]) > 0
    return bool(trained.data) and trained.data == place.name


def _why_all(cards: Sequence[ModelCard]) -> str:
    if all(card.trained_on is not None for card in cards):
        return "no model was trained on them"
    return "the data has no parts; what the model was trained on, its file does not say"


def _trained(records: Sequence[Record], known: Sequence[TrainedOn]) -> list[str]:
    images = [record.image for record in records]
    shares = [share for each in known if (share := each.among(images)) > 0]
    if not shares:
        return []
    return [
        f"about {max(1, round(max(shares) * len(images)))} of the {len(images)} images were trained on: "
        "the figures are too good"
    ]


def _names_differ(opened: OpenedData, cards: Sequence[ModelCard]) -> list[str]:
    theirs = [name.lower() for name in opened.names]
    lines = []
    for card in cards:
        ours = [name.lower() for name in card.class_names]
        # Labels without names are taken for people, which says nothing of them.
        if theirs not in (ours, ["person"]) and not all(name.isdecimal() for name in (*ours, *theirs)):
            lines.append(
                f"the model detects {', '.join(card.class_names)}, the labels are of {', '.join(opened.names)}: "
                "choose the numbers of its classes with --classes"
            )
    return list(dict.fromkeys(lines))
