"""Classes that describe an object (a hat, a side) beside classes that are one (a person): who is which.

In the label files an attribute is a box of its own, at the place of the box that it describes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace

from uhd.boxes import iou_matrix
from uhd.data.class_names import named_classes
from uhd.data.config import DataConfig
from uhd.data.records import Record
from uhd.errors import UserError

SAME_PLACE = 0.7  # least IoU of two boxes that describe one object


@dataclass(frozen=True)
class LabelRoles:
    """What the classes of a data set mean; internal label i is ``classes[i]``.

    Attributes:
        mode: ``none``, ``single`` (one class branch, a prediction may have several classes) or ``separate`` (a branch
            of its own for attributes).
        detection: raw numbers of classes that are objects.
        attributes: raw numbers of classes that describe the object at their place.
    """

    mode: str
    detection: tuple[int, ...]
    attributes: tuple[int, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """All raw numbers, objects first."""
        return self.detection + self.attributes

    @property
    def ranks(self) -> tuple[int, ...]:
        """By internal label: a box belongs to an object of lower rank at its place, where there is one.

        Without attributes every class may describe those before it.
        """
        if self.attributes:
            return (0,) * len(self.detection) + (1,) * len(self.attributes)
        return tuple(range(len(self.detection)))


def roles_of(config: DataConfig) -> LabelRoles:
    """Return what the classes mean. Either list may be left out: it is then the rest of ``--classes``.

    Raises:
        UserError: the lists contradict each other or the mode.
    """
    mode, objects, attributes = (
        config.multi_label_mode,
        config.multi_label_det_classes,
        config.multi_label_attr_classes,
    )
    if mode == "none":
        if objects or attributes:
            raise UserError("--multi-label-det-classes and --multi-label-attr-classes need --multi-label-mode")
        return LabelRoles(mode, config.classes, ())
    if not objects and not attributes:
        if mode == "separate":
            raise UserError(
                "--multi-label-mode separate: which of --classes are attributes? --multi-label-attr-classes"
            )
        return LabelRoles(mode, config.classes, ())
    objects = objects or tuple(c for c in config.classes if c not in attributes)
    attributes = attributes or tuple(c for c in config.classes if c not in objects)
    shared = sorted(set(objects) & set(attributes))
    if shared:
        raise UserError(f"class {shared[0]} is in --multi-label-det-classes and in --multi-label-attr-classes")
    if not objects or not attributes:
        missing = "object" if not objects else "attribute"
        raise UserError(f"--multi-label-mode {mode}: no class is left to be an {missing}")
    idle = sorted(set(config.classes) - set(objects) - set(attributes))
    # The default of --classes says nothing about a data set whose classes are listed here.
    if idle and config.classes != (0,):
        raise UserError(f"class {idle[0]} of --classes is neither an object nor an attribute of --multi-label-mode")
    return LabelRoles(mode, objects, attributes)


def arrange_classes(config: DataConfig) -> DataConfig:
    """Return the configuration with ``classes`` (and their names) in the order of the roles, objects first.

    Classes given by name become numbers.

    Raises:
        UserError: see :func:`roles_of`; or the names do not fit the classes.
    """
    config = named_classes(config)
    roles = roles_of(config)
    if roles.classes == config.classes:
        return config
    names = config.class_names
    if names:
        given = config.classes if len(config.classes) == len(roles.classes) else roles.classes
        if len(names) != len(given):
            raise UserError(f"--class-names has {len(names)} names for {len(given)} --classes")
        by_number = dict(zip(given, names, strict=True))
        names = tuple(by_number[number] for number in roles.classes)
    return dataclasses.replace(config, classes=roles.classes, class_names=names)


def count_lonely(records: Sequence[Record], roles: LabelRoles) -> int:
    """Count the attribute boxes without an object's box at their place (IoU at least 0.7): they describe nothing."""
    if not roles.attributes:
        return 0
    count, objects = 0, len(roles.detection)
    for record in records:
        guests = record.boxes[record.labels >= objects]
        hosts = record.boxes[record.labels < objects]
        if len(guests) and len(hosts):
            count += int((iou_matrix(guests, hosts).max(1) < SAME_PLACE).sum())
        else:
            count += len(guests)
    return count


def objects_only(records: Sequence[Record], roles: LabelRoles) -> list[Record]:
    """Return the records without the boxes of attributes, which repeat those of objects."""
    if not roles.attributes:
        return list(records)
    kept = [(record.objects.labels < len(roles.detection)) | record.objects.ignored for record in records]
    return [replace(record, objects=record.objects.take(keep)) for record, keep in zip(records, kept, strict=True)]
