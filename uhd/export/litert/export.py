"""From a model to its LiteRT files, checked against torch before anything is written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.compress.calibration import calibration_images, calibration_paths
from uhd.compress.fake_quantise import strip
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.export.litert.config import ENDINGS, INTEGER, LitertConfig
from uhd.export.litert.convert import to_float32
from uhd.export.litert.flatbuffer import add_metadata
from uhd.export.litert.quantise import activation_ranges, quantise
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.heads import GRAPHS
from uhd.export.onnx.metadata import metadata_of
from uhd.export.onnx.verify import predictions_differ
from uhd.files import save_atomic
from uhd.models.network import DetectorNetwork, maps_of
from uhd.resize import input_channels
from uhd.runtime.drop_in import DROP_IN, END2END
from uhd.runtime.litert import LitertPredictor
from uhd.runtime.quiet import quietly

Array = NDArray[np.float32]
Say = Callable[[str], None]
LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        models: file by kind.
        sidecars: anchors and wh_scale as ``.npy``, of a network with anchors in a form without post-processing.
        difference: largest absolute difference of float32 to torch, boxes and scores; None if not compared.
    """

    models: dict[str, Path]
    sidecars: tuple[Path, ...]
    difference: float | None


def export_litert(
    network: DetectorNetwork, path: Path, spec: ModelCard, config: LitertConfig, say: Say = lambda _line: None
) -> Exported:
    """Write ``NAME_float32.tflite`` and so on, one ``image`` [1, h, w, C] in, by form:

    * ``parts``: ``box`` [1, h, w, 4A], those of ``obj``, ``quality``, ``cls`` that the score needs, or all of them;
    * ``raw``: ``txtywh_obj_quality_cls_x8`` [1, h, w, A * no];
    * ``merged``: ``score_classid_cxcywh`` [1, K, 6], best first, normalised, without suppression;
    * ``yolov8``, ``end2end``: ``output0`` as :func:`uhd.export.onnx.export.export_onnx` writes it, boxes from 0 to 1.

    Of a CenterNet, ``parts`` and ``raw`` are ``hm``, ``off``, ``wh``; of a transformer ``logits`` and ``boxes``,
    queries first. The metadata is in the files themselves.

    Args:
        network: any mode, any device; it is not changed.
        path: ``NAME.tflite``; the file itself where one kind is asked for.
        spec: becomes the metadata.
        config: everything else.
        say: receives lines of progress.

    Raises:
        UserError: settings that do not fit, no calibration images, or a network that cannot be converted.
        RuntimeError: float32 computes something else than torch; nothing is written.
    """
    kinds = config.chosen()
    if path.suffix.lower() != ".tflite":
        raise UserError(f"{path}: the file's name must end in .tflite, by which it is known again")
    images = _calibration(config, spec) if any(kind in INTEGER for kind in kinds) else None
    form = ExportForm(config.form, config.topk, all_branches=config.all_branches and config.form == "parts")
    _check_duplicates(form, spec)
    say("converting with litert-torch")
    content, names = to_float32(network, spec, form)
    card = ModelCard.from_metadata(metadata_of(network, replace(spec, input_layout="NHWC"), form, names))
    if images is not None:
        say(f"calibrating on {len(images)} images")
    difference = None
    contents = {}
    for kind in kinds:
        say(f"making {kind}")
        table = card.with_precision(kind).to_metadata() | {"output_layout": "NHWC", "quantisation": kind}
        named = add_metadata(content, table)
        # 16 bits are fine enough to hold every value.
        share = config.calibration_percentile if kind == "full-integer" else 100
        ranges = activation_ranges(content, images, share) if images is not None and kind in INTEGER else None
        made = quantise(named, kind, ranges)
        if config.verify and difference is None:
            difference = largest_difference(add_metadata(content, table), network, form)
            if difference > LARGEST_DIFFERENCE:
                raise RuntimeError(f"the LiteRT file differs from the model by {difference:.2g}; nothing was written")
        contents[kind] = made
    say("writing")  # all or, where a stop was asked for meanwhile, none
    models = {}
    for kind, made in contents.items():
        models[kind] = path if len(kinds) == 1 else path.with_name(f"{path.stem}_{ENDINGS[kind]}.tflite")
        save_atomic(models[kind], lambda temporary, made=made: temporary.write_bytes(made))  # type: ignore[misc]
    return Exported(models, _sidecars(network, path, form), difference)


@torch.inference_mode()
def largest_difference(content: bytes, network: DetectorNetwork, form: ExportForm, images: int = 2) -> float:
    """Return the largest absolute difference of boxes and scores between a float32 file and torch on random images."""
    with quietly():
        predictor = LitertPredictor(content)
    model = strip(copy.deepcopy(network).cpu().eval())
    rng = np.random.default_rng(0)
    shape = (1, input_channels(predictor.spec.resize_mode), *predictor.spec.input_size)
    worst = 0.0
    for _ in range(images):
        image = rng.random(shape, dtype=np.float32)
        raw = tuple(each.numpy() for each in maps_of(model(torch.from_numpy(image))))
        expected = model.predictions(raw)[0]
        worst = max(worst, predictions_differ(predictor.infer(image)[0], expected, form))
    return worst


def _check_duplicates(form: ExportForm, spec: ModelCard) -> None:
    if form.name == END2END and spec.suppression.iou > 0:
        raise UserError(
            "--form end2end: LiteRT has no operator that drops duplicates; give --form yolov8, or a model with "
            "--head one_to_one, which makes none"
        )


def _calibration(config: LitertConfig, spec: ModelCard) -> Array:
    assert config.calibration is not None
    report = Report()
    paths = calibration_paths(config.calibration, None, "train", 0.0, None, report)
    images = calibration_images(paths, config.calibration_images, spec.input_size, spec.resize_mode, report)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _sidecars(network: DetectorNetwork, path: Path, form: ExportForm) -> tuple[Path, ...]:
    """Write the tables that the original's demo looks for beside a ``.tflite``."""
    if form.has_rows or form.name in DROP_IN:
        return ()
    files = []
    for name, values in GRAPHS[network.kind].constants(network).items():
        file = path.with_name(f"{path.stem}_{name}.npy")
        save_atomic(file, lambda temporary, values=values: _save_array(temporary, values))  # type: ignore[misc]
        files.append(file)
    return tuple(files)


def _save_array(path: Path, values: Array) -> None:
    with path.open("wb") as file:
        np.save(file, values.astype(np.float32))
