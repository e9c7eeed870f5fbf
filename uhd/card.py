"""The model card: what a runtime needs to know of a model, carried in the model file itself.

One dataclass and one translation serve every kind of file. A checkpoint holds it as plain values, every other file as
text; the keys are the same, those of the original keep its names, and either is read from either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from uhd.card_fields import CHECKPOINT, FIELDS, HEAD_KEYS, MEASURED, size_of
from uhd.nms.suppression import METADATA as SUPPRESSION_KEYS
from uhd.nms.suppression import Suppression
from uhd.resize import canonical_mode, format_size, input_channels
from uhd.trained_on import TrainedOn

# 1: the first version of this package, which named no task; files without a number are the original's.
FORMAT = 2
# Known beside a file: parts of a field, not fields.
_OF_SUPPRESSION = ("nms_type", "nms_iou")
_COLOURS = {
    3: "RGB",
    2: "YUYV: Y in channel 0; U in the even, V in the odd columns of channel 1 (BT.601, full range)",
    1: "Y (BT.601, full range)",
}


@dataclass(frozen=True)
class Measurement:
    """What the figures of a model were measured on; what is empty is not known.

    Attributes:
        split: part of the data, such as ``val``.
        data: name of the data set.
        input_size: (height, width) of the network's input then.
        resize_mode: how images became it then.
        precision: of the network's arithmetic then, such as ``float32``.
    """

    split: str = ""
    data: str = ""
    input_size: tuple[int, int] | None = None
    resize_mode: str = ""
    precision: str = ""


@dataclass(frozen=True)
class ModelCard:
    """How to feed a model, read its output, and what is known of it.

    Figures belong to a size, a resize mode and a precision: a card of any other carries none, however it came about.

    Attributes:
        input_size: (height, width) of the network.
        resize_mode: how an image becomes the input; it gives the number of channels too.
        class_names: by class id.
        conf_thresh: score below which detections are not shown (best F1 on the validation split).
        suppression: what is done about duplicates.
        arch: architecture.
        score: formula of the score, for people.
        metrics: name to value, measured on what ``measured`` says.
        extra: whatever else the file says.
        licence: of the weights, e.g. ``MIT``.
        version: of the weights; their digest where nobody gave them one.
        task: what the model does.
        kind: of head, which decides how raw maps are read.
        head: what the head of that kind needs besides (``HEAD_KEYS``), as text.
        classes: numbers of the classes in label files; none where nobody said.
        multi_label_mode: how an object has several classes; ``none`` where it has one.
        multi_label_det_classes, multi_label_attr_classes: numbers of the classes that are objects, that describe one.
        input_layout: order of the axes of the input.
        input_range: values of the input.
        precision: of the network's arithmetic: ``float32``, ``int8``, ...
        measured: what ``metrics`` were measured on.
        trained_on: the data of the training, or None where nobody knows.
        format: number of the translation that the file was written with.

    Raises:
        ValueError: a threshold outside 0 to 1, a size that is not positive, no class name.
        UserError: unknown resize mode.
    """

    input_size: tuple[int, int] = (64, 64)
    resize_mode: str = "opencv_inter_nearest"
    class_names: tuple[str, ...] = ("person",)
    conf_thresh: float = 0.3
    suppression: Suppression = Suppression()
    arch: str = "ultratinyod"
    score: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    version: str = ""
    task: str = "detect"
    kind: str = ""
    head: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[int, ...] = ()
    multi_label_mode: str = "none"
    multi_label_det_classes: tuple[int, ...] = ()
    multi_label_attr_classes: tuple[int, ...] = ()
    input_layout: str = "NCHW"
    input_range: str = "0 to 1, float32"
    precision: str = "float32"
    measured: Measurement = Measurement()
    trained_on: TrainedOn | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "resize_mode", canonical_mode(self.resize_mode))
        if len(self.input_size) != 2 or min(self.input_size) < 1:
            raise ValueError(f"input size {self.input_size} is not two positive numbers")
        names: Any = self.class_names
        # A text is a sequence of texts too: its letters would be the names.
        if not names or isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class names {self.class_names!r} are not a list of names")
        if not 0 <= self.conf_thresh <= 1:
            raise ValueError(f"conf_thresh {self.conf_thresh} is not between 0 and 1")
        self._keep_what_was_measured()

    def _keep_what_was_measured(self) -> None:
        """Drop figures that were measured under other conditions than the card describes."""
        here = self.input_size, self.resize_mode, self.precision
        then = self.measured
        if not self.metrics:
            object.__setattr__(self, "measured", Measurement())
            return
        known = then.input_size or here[0], then.resize_mode or here[1], then.precision or here[2]
        if known == here:
            object.__setattr__(self, "measured", Measurement(then.split, then.data, *here))
        else:
            object.__setattr__(self, "metrics", {})
            object.__setattr__(self, "measured", Measurement())

    @property
    def nms_iou(self) -> float:
        """IoU at which boxes are duplicates, 0 to 1."""
        return self.suppression.iou

    @property
    def colour(self) -> str:
        """What the channels of the input are, for people."""
        return _COLOURS[input_channels(self.resize_mode)]

    def with_input(self, size: tuple[int, int] | None = None, mode: str | None = None) -> ModelCard:
        """Return the card of the same weights fed otherwise: (height, width), resize mode; None leaves them."""
        return replace(self, input_size=size or self.input_size, resize_mode=mode or self.resize_mode)

    def with_precision(self, precision: str) -> ModelCard:
        """Return the card of the same weights in other arithmetic, such as ``int8``; float figures stay by that name.

        They become ``float_metrics`` in ``extra``, as JSON: what to compare the new file with, not what it reaches.
        """
        if precision == self.precision:
            return self
        kept = {"float_metrics": json.dumps(dict(self.metrics))} if self.metrics else {}
        return replace(self, precision=precision, extra={**self.extra, **kept})

    def with_metrics(self, metrics: Mapping[str, float], split: str, data: str = "") -> ModelCard:
        """Return the card with figures that were measured on this very model, as it is fed and computed now.

        The threshold of the best F1 among them becomes its own.
        """
        threshold = _best_threshold(metrics) or self.conf_thresh
        return replace(self, metrics=dict(metrics), measured=Measurement(split, data), conf_thresh=threshold)

    def without_metrics(self) -> ModelCard:
        """Return the card without figures."""
        return replace(self, metrics={})

    def to_metadata(self) -> dict[str, str]:
        """Return text values for a model file."""
        table = {key: each.to_text(getattr(self, name)) for name, key, each in FIELDS}
        table |= {"format": str(FORMAT), "color": self.colour, **self.suppression.to_metadata()}
        return {**self.extra, **self.head, **table, **_measurement(self.measured)}

    def to_checkpoint(self) -> dict[str, Any]:
        """Return plain values for a checkpoint, which rebuilds the head from its configuration instead."""
        values = {key: each.to_plain(getattr(self, name)) for name, key, each in FIELDS if name in CHECKPOINT}
        values["class_names"] = values.pop("names")
        return {**values, "format": FORMAT, **self.suppression.to_metadata(), **_measurement(self.measured)}

    @classmethod
    def from_metadata(cls, table: Mapping[str, str], **known: Any) -> ModelCard:
        """Rebuild from text values; ``known`` values win over the file's, missing ones take the defaults.

        ``nms_type`` and ``nms_iou`` among them change the suppression that the file says.

        Raises:
            ValueError: a value is malformed.
            UserError: unknown resize mode.
        """
        values = _parsed(table, known)
        own = {key for _, key, _ in FIELDS} | {*MEASURED, *SUPPRESSION_KEYS, *HEAD_KEYS, "color"}
        values["head"] = {key: table[key] for key in HEAD_KEYS if table.get(key)}
        values["extra"] = {key: value for key, value in table.items() if key not in own}
        return cls(**values)._fed_as(known)

    @classmethod
    def from_checkpoint(cls, meta: Mapping[str, Any], **known: Any) -> ModelCard:
        """Rebuild from what a checkpoint says, ours or the original's; see :meth:`from_metadata`."""
        wanted = {key for name, key, _ in FIELDS if name in CHECKPOINT}
        wanted |= {"class_names", *MEASURED, *SUPPRESSION_KEYS}
        said = {key: value for key, value in meta.items() if key in wanted}
        if not isinstance(said.get("metrics"), Mapping):
            said.pop("metrics", None)
        if "format" not in meta:  # the original's, which may say there at what score its mAP was counted
            said.pop("conf_thresh", None)
        values = _parsed(said, known)
        values.setdefault("class_names", _names_of(values))
        if "trained_on" not in values and isinstance(meta.get("data_config"), Mapping):
            values["trained_on"] = _trained_on(meta["data_config"])
        return cls(**values)._fed_as(known)

    def _fed_as(self, known: Mapping[str, Any]) -> ModelCard:
        given = {name: value for name, value in known.items() if value is not None}
        suppression = self.suppression.of_kind(given.pop("nms_type", None)).at(given.pop("nms_iou", None))
        return replace(self, **{"suppression": suppression, **given})


def _parsed(table: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a table of text or plain values says, and what is known where it says nothing."""
    said = {key: value for key, value in table.items() if value not in (None, "", [], ())}
    if "class_names" in said:
        said.setdefault("names", said["class_names"])
    # The first version's C said here what it computed with.
    if isinstance(said.get("format"), str) and not said["format"].isdecimal():
        said.setdefault("precision", said.pop("format"))
    values = {name: value for name, value in known.items() if value is not None and name not in _OF_SUPPRESSION}
    values |= {name: each.parse(said[key]) for name, key, each in FIELDS if key in said}
    values.setdefault("format", 1)
    if any(key in said for key in SUPPRESSION_KEYS):
        values["suppression"] = Suppression.from_metadata(said)
    if (threshold := _best_threshold(values.get("metrics", {}))) is not None:
        values.setdefault("conf_thresh", threshold)
    size = said.get("metrics_size")
    values["measured"] = Measurement(
        str(said.get("metrics_split", "")), str(said.get("metrics_data", "")), None if size is None else size_of(size),
        str(said.get("metrics_resize_mode", "")), str(said.get("metrics_precision", "")),
    )  # fmt: skip
    return values


def _best_threshold(metrics: Mapping[str, float]) -> float | None:
    """Return the threshold of the best F1 among figures, or None where nothing was found at any."""
    threshold = metrics.get("best_threshold", 0)
    return threshold if 0 < threshold < 1 else None


def _measurement(measured: Measurement) -> dict[str, str]:
    size = "" if measured.input_size is None else format_size(measured.input_size)
    values = (measured.split, measured.data, size, measured.resize_mode, measured.precision)
    return dict(zip(MEASURED, values, strict=True))


def _trained_on(data: Mapping[str, Any]) -> TrainedOn:
    """Return what a checkpoint of the first version knows of its data: no images, but how they were split."""
    place = Path(str(data.get("image_dir") or data.get("train_list") or ""))
    seed, train, val = (data.get(name) for name in ("split_seed", "train_split", "val_split"))
    return TrainedOn(
        place.name,
        seed if isinstance(seed, int) else None,
        train if isinstance(train, int | float) else TrainedOn.train_split,
        val if isinstance(val, int | float) else TrainedOn.val_split,
        str(data.get("split_by", TrainedOn.split_by)),
    )


def _names_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return names for classes of which only the numbers are known, as the original's: objects first."""
    parts = [values.get(f"multi_label_{part}_classes", ()) for part in ("det", "attr")]
    numbers = [*parts[0], *parts[1]] if all(parts) else values.get("classes", ())
    return ("person",) if len(numbers) <= 1 else tuple(map(str, numbers))


# The name of the first version.
ModelSpec = ModelCard
