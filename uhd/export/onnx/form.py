"""What an exported file takes and gives: every choice of an ONNX export but the network itself."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.errors import UserError, nearest
from uhd.runtime.drop_in import DROP_IN, END2END

FORMS = ("merged", "nms", "raw", "parts", "primitive", *DROP_IN)
OPSETS = range(13, 21)


@dataclass(frozen=True)
class ExportForm:
    """Outputs, inputs and free axes of a file.

    Attributes:
        name: one of ``FORMS``, see :func:`uhd.export.onnx.export.export_onnx`.
        topk: rows of the merged, nms and end2end forms.
        conf_thresh: lower scores of those forms become 0.
        nms_iou: at which boxes of one class are duplicates, in the forms nms and end2end; None takes the model's own.
        batch: images per run, or None for any number.
        dynamic_resize: the input is a camera frame of any size, reduced to the network size inside the graph.
        dynamic: height and width of the input are free, multiples of the stride; nothing is resized.
        uint8_input: the input is uint8, 0 to 255, and is normalised inside the graph.
        all_branches: the parts form has every branch of the network, also those that no score needs.
        half_weights: weights are stored in half precision, see :mod:`uhd.export.half_weights`.
        pixels: height and width of the network's input, the unit of boxes in the forms yolov8 and end2end; None for
            boxes from 0 to 1.

    Raises:
        UserError: a value out of range, or choices that exclude each other.
    """

    name: str = "merged"
    topk: int = 100
    conf_thresh: float = 0.0
    nms_iou: float | None = None
    batch: int | None = 1
    dynamic_resize: bool = False
    dynamic: bool = False
    uint8_input: bool = False
    all_branches: bool = False
    half_weights: bool = False
    pixels: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.name not in FORMS:
            raise UserError(f"unknown form {self.name!r}{nearest(self.name, FORMS)}: choose from {', '.join(FORMS)}")
        if self.topk < 1 or not 0 <= self.conf_thresh <= 1:
            raise UserError(
                f"--topk {self.topk} must be at least 1 and --conf-thresh {self.conf_thresh} between 0 and 1"
            )
        if self.nms_iou is not None and not 0 < self.nms_iou <= 1:
            raise UserError(f"--nms-iou {self.nms_iou} must be above 0 and at most 1")
        if self.batch is not None and self.batch < 1:
            raise UserError(f"--batch {self.batch} must be at least 1, or dynamic")
        if self.all_branches and self.name != "parts":
            raise UserError("--all-branches goes with separate raw outputs: --noconcat-box-obj-quality-cls")
        if self.name in DROP_IN and (self.dynamic or self.dynamic_resize):
            raise UserError(
                f"--form {self.name} gives boxes in pixels of the one size that the network reads: leave out "
                f"--{'dynamic' if self.dynamic else 'dynamic-resize'}"
            )
        if self.dynamic and self.dynamic_resize:
            raise UserError(
                "--dynamic (the network runs at any size) and --dynamic-resize (any frame is reduced to the network "
                "size) exclude each other: give one of the two"
            )

    @property
    def has_rows(self) -> bool:
        """Whether the output is a table of detections."""
        return self.name in ("merged", "nms", END2END)

    @property
    def suppresses(self) -> bool:
        """Whether duplicates are dropped in the graph, where the network makes any."""
        return self.name in ("nms", END2END)
