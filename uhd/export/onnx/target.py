"""ONNX files, in float and on eight bits, as a target of ``uhd export``."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.errors import UserError
from uhd.export.onnx.config import OnnxConfig, form_of, without_effect
from uhd.export.onnx.form import ExportForm
from uhd.export.target import Say, Target, Written

if TYPE_CHECKING:
    from uhd.card import ModelSpec
    from uhd.export.open_model import Opened
    from uhd.models.network import DetectorNetwork

_FEW = 512  # 8 x 8 cells of 8 anchors
# Predictions for every row: 256 of them in 100 rows cost the model small 0.0004 of AP50, 1,024 the default 0.011.
_ROOM = 4
_MOST_ROWS = 300


class OnnxTarget(Target):
    """Float, or eight bits with ``--int8``."""

    about: ClassVar[str] = "Write a checkpoint as ONNX."
    suffix: ClassVar[str] = ".onnx"
    config: ClassVar[type[Any]] = OnnxConfig
    int8: ClassVar[bool] = False

    def default_path(self, source: Path) -> Path:
        """Return the checkpoint's name with another suffix."""
        return source.with_suffix(".int8.onnx" if self.int8 else ".onnx")

    def check(self, config: OnnxConfig, path: Path) -> None:
        """Refuse forms that exclude each other, and eight bits without images; see :meth:`Target.check`."""
        del path
        form_of(config)
        if (self.int8 or config.int8) and config.half_weights:
            raise UserError("--half-weights: a file on eight bits stores weights in eight; leave one of the two out")
        if (self.int8 or config.int8) and config.calibration is None:
            raise UserError("which images to calibrate on? give --calibration DIR")

    def write(self, opened: Opened, path: Path, config: OnnxConfig, say: Say) -> Written:
        """Write the file; see :meth:`Target.write`."""
        from uhd.export.onnx.export import export_onnx

        network, form, card = opened.needs_network("ONNX"), form_of(config), opened.card
        small = self.int8 or config.int8
        if config.topk is None and form.name == "merged":
            form = dataclasses.replace(form, topk=_usual_rows(_with_duplicates(network, card)))
        for line in without_effect(config, form, small):
            say(line)
        if not form.suppresses:
            # Whoever runs the file drops duplicates, at what its card recommends.
            card = dataclasses.replace(card, suppression=card.suppression.at(config.nms_iou))
        # Until eight bits are done, nothing lies under the name that was asked for.
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / path.name if small else path
            graph = export_onnx(network, place, card, form, config.opset, config.simplify)
        if config.verify:
            from uhd.compress.fake_quantise import strip
            from uhd.export.onnx.verify import largest_difference

            say(f"largest difference to torch: {largest_difference(graph, strip(network.cpu()), form):.2e}")
        if small:
            from uhd.compress.int8.quantise import write_int8

            for line in write_int8(graph, path, config):
                say(line)
        return Written((path,), _few_rows(network, card, form))


def _few_rows(network: DetectorNetwork, spec: ModelSpec, form: ExportForm) -> tuple[str, ...]:
    """Return a line where duplicates in the rows leave little room for anybody else."""
    every = _with_duplicates(network, spec)
    if form.name != "merged" or every <= _ROOM * form.topk:
        return ()
    return (
        f"it keeps {form.topk} of {every:,} predictions, duplicates among them, so that people can be missing: "
        f"--nms drops duplicates in the graph, --topk {math.ceil(every / _ROOM)} keeps more",
    )


def _usual_rows(every: int) -> int:
    """Return how many rows a file has where nobody asks: those of the original, up to as many predictions as it had."""
    return ExportForm.topk if every <= _FEW else min(math.ceil(every / _ROOM), _MOST_ROWS)


def _with_duplicates(network: DetectorNetwork, spec: ModelSpec) -> int:
    """Return the predictions for an image, among which people are found several times; 0 of other heads."""
    height, width = (side // network.stride for side in spec.input_size)
    return _predictions_per_cell(network) * height * width if spec.suppression.iou else 0


def _predictions_per_cell(network: DetectorNetwork) -> int:
    """Return the predictions of a cell; 0 of heads that find everybody once."""
    from uhd.heads import HeadLayout, LtrbLayout

    layout = network.layout()
    if isinstance(layout, LtrbLayout):
        return 0 if layout.one_to_one else 1
    return layout.num_anchors if isinstance(layout, HeadLayout) else 0


class Int8OnnxTarget(OnnxTarget):
    """Always eight bits."""

    about: ClassVar[str] = "Write a checkpoint as ONNX on eight bits."
    int8: ClassVar[bool] = True
