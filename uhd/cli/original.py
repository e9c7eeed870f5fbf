"""The original's root scripts: its flags and defaults, our code behind them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli import guarded
from uhd.cli.flags import Flags, warn
from uhd.config import knob
from uhd.errors import UserError
from uhd.resize import parse_size


def train(argv: Sequence[str] | None = None) -> int:
    """``train.py``: train with the preset ``original``."""
    from uhd.cli.train import main

    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments, "train.py", "original"))


def export(argv: Sequence[str] | None = None) -> int:
    """``export_onnx.py``: write a checkpoint as ONNX."""
    from uhd.cli.export import main

    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments, "export_onnx.py", "original"))


def demo(argv: Sequence[str] | None = None) -> int:
    """``demo_uhd.py``: detect in a folder or a camera."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _demo(arguments))


@dataclass(frozen=True)
class DemoConfig:
    """Flags of ``demo_uhd.py``."""

    images: Path | None = knob(None, "folder of images")
    camera: int | None = knob(None, "camera number", minimum=0)
    onnx: Path | None = knob(None, "ONNX model")
    tflite: Path | None = knob(None, "LiteRT model (not available yet)")
    output: Path = knob(Path("demo_output"), "folder of drawn images")
    img_size: tuple[int, int] = knob((64, 64), "network size of a model that does not say its own", parse=parse_size)
    conf_thresh: float = knob(0.45, "least score", minimum=0, maximum=1)
    score_mode: str = knob(
        "obj_quality_cls",
        "without effect: the score of raw outputs follows the file's metadata, else the branches it has",
        choices=("obj_quality_cls", "quality_cls", "obj_cls", "cls"),
    )
    quality_power: float | None = knob(None, "without effect: follows the file's metadata, else 1", minimum=0)
    swap_logit_samples: int = knob(5, "without effect: outputs are told apart by name", minimum=0)
    use_dynamic_threshold: bool = knob(False, "try half the threshold when nothing is found")
    record: Path = knob(Path("camera_record.mp4"), "recording of the camera")
    actual_size: bool = knob(False, "show camera frames at network size, enlarged, as the model sees them")
    use_nms: bool = knob(False, "drop duplicate boxes")
    nms_iou: float = knob(0.8, "IoU at which boxes are duplicates", minimum=0, maximum=1)


def _demo(argv: Sequence[str]) -> int:
    flags = Flags("demo_uhd.py", "Detect people in a folder of images or a camera.", (DemoConfig,), "original")
    resolved = flags.resolve(argv)
    config = resolved[DemoConfig]
    if config.tflite is not None:
        raise UserError("--tflite is not available yet: use --onnx")
    if (config.images is None) == (config.camera is None):
        raise UserError("give either --images DIR or --camera NUMBER")

    for name in ("score_mode", "quality_power"):
        if name in resolved.typed:
            warn(f"--{name.replace('_', '-')} is without effect: the model file says how its output is read")

    from uhd.cli.predict import PredictConfig, predict

    size, mode = _unsaid(config, "img_size" in resolved.typed)
    source = config.images if config.images is not None else config.camera
    settings = PredictConfig(
        model=config.onnx,
        output=config.output,
        conf_thresh=config.conf_thresh,
        use_nms=config.use_nms,
        nms_iou=config.nms_iou,
        record=config.record if config.camera is not None else None,
        actual_size=config.actual_size,
        dynamic_threshold=config.use_dynamic_threshold,
        overwrite=True,
        img_size=size,
        resize_mode=mode,
    )
    return predict([source], settings)


def _unsaid(config: DemoConfig, size_typed: bool) -> tuple[tuple[int, int] | None, str | None]:
    """Return size and resize mode for what an ONNX file leaves open, as the original's demo assumed them."""
    typed = config.img_size if size_typed else None
    if config.onnx is None or config.onnx.suffix.lower() != ".onnx":
        return typed, None
    from uhd.runtime.onnx import open_session

    session = open_session(config.onnx)
    said: dict[str, str] = session.get_modelmeta().custom_metadata_map
    fixed = all(isinstance(side, int) for side in session.get_inputs()[0].shape[2:])
    size = typed if fixed or said.get("img_size") else config.img_size
    return size, None if said.get("resize_mode") else "opencv_inter_nearest"
