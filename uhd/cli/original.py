"""The original's root scripts: its flags and defaults, our code behind them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli import guarded
from uhd.cli.flags import Flags, warn
from uhd.config import knob, same_knob
from uhd.config.groups import Thresholds, Unsaid
from uhd.errors import UserError
from uhd.resize import format_size


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


def demo_lite(argv: Sequence[str] | None = None) -> int:
    """``demo_uhd_lite.py``: the same, for models with separate outputs."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _demo_lite(arguments))


def profile(argv: Sequence[str] | None = None) -> int:
    """``profile_onnx.py``: parameters and FLOPs of an ONNX file."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _profile(arguments))


def inspect_checkpoint(argv: Sequence[str] | None = None) -> int:
    """``tools/inspect_checkpoint.py``: what a checkpoint says of itself."""
    from uhd.cli.inspect import main

    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments, "inspect_checkpoint.py", "original"))


@dataclass(frozen=True)
class ProfileConfig:
    """Flags of ``profile_onnx.py``."""

    input_shape: tuple[int, ...] | None = knob(None, "shape of the first input, e.g. 1,3,64,64")
    per_op: bool = knob(False, "one line per operator")


def _profile(argv: Sequence[str]) -> int:
    flags = Flags("profile_onnx.py", "Parameters and FLOPs of an ONNX file.", (ProfileConfig,), "original")
    flags.add_positional("onnx_path", type=Path, help="ONNX file")
    resolved = flags.resolve(argv)
    if "onnx_path" not in resolved.positional:
        raise UserError("profile_onnx.py needs an ONNX file")
    config = resolved[ProfileConfig]

    from uhd.export.onnx.profile import profile_onnx, to_text

    print(to_text(profile_onnx(resolved.positional["onnx_path"], config.input_shape), config.per_op))
    return 0


@dataclass(frozen=True)
class DemoLiteConfig:
    """Flags of ``demo_uhd_lite.py``."""

    images: Path | None = knob(None, "folder of images")
    camera: int | None = knob(None, "camera number", minimum=0)
    onnx: Path | None = knob(None, "ONNX model")
    output: Path = knob(Path("demo_output"), "folder of drawn images")
    img_size: tuple[int, int] = same_knob(Unsaid, "img_size", (64, 64))
    conf_thresh: float = same_knob(Thresholds, "conf_thresh", 0.15, help="least score")
    record: Path = knob(Path("camera_record.mp4"), "recording of the camera")
    use_nms: bool = same_knob(Thresholds, "use_nms", False)
    nms_iou: float = same_knob(Thresholds, "nms_iou", 0.45, help="IoU from which boxes are duplicates")
    topk: int = same_knob(Thresholds, "most", 20, help="most boxes per image")
    topk_before_conf: bool = knob(False, "", ineffective="the best boxes above the threshold are the same either way")


def _demo_lite(argv: Sequence[str]) -> int:
    flags = Flags("demo_uhd_lite.py", "Detect people with a small model.", (DemoLiteConfig,), "original")
    config = flags.resolve(argv)[DemoLiteConfig]
    if config.onnx is None:
        raise UserError("demo_uhd_lite.py needs a model: --onnx FILE")
    again = ["--onnx", str(config.onnx), "--output", str(config.output), "--img-size", format_size(config.img_size)]
    again += ["--conf-thresh", str(config.conf_thresh), "--record", str(config.record)]
    again += ["--nms-iou", str(config.nms_iou), "--most", str(config.topk)]
    again += ["--use-nms"] if config.use_nms else []
    again += ["--images", str(config.images)] if config.images is not None else []
    again += ["--camera", str(config.camera)] if config.camera is not None else []
    return _demo(again)


@dataclass(frozen=True)
class DemoConfig:
    """Flags of ``demo_uhd.py``."""

    images: Path | None = knob(None, "folder of images")
    camera: int | None = knob(None, "camera number", minimum=0)
    onnx: Path | None = knob(None, "ONNX model")
    tflite: Path | None = knob(None, "LiteRT model, instead of --onnx")
    output: Path = knob(Path("demo_output"), "folder of drawn images")
    img_size: tuple[int, int] = same_knob(Unsaid, "img_size", (64, 64))
    conf_thresh: float = same_knob(Thresholds, "conf_thresh", 0.45, help="least score")
    score_mode: str = knob(
        "obj_quality_cls",
        "score of raw outputs; only what is typed wins over the file",
        choices=("obj_quality_cls", "quality_cls", "obj_cls", "cls"),
    )
    quality_power: float | None = knob(None, "exponent of the quality in it (default: the file's, else 1)", minimum=0)
    swap_logit_samples: int = knob(5, "", ineffective="outputs are told apart by name", minimum=0)
    use_dynamic_threshold: bool = knob(False, "try half the threshold when nothing is found")
    record: Path = knob(Path("camera_record.mp4"), "recording of the camera")
    actual_size: bool = knob(False, "show camera frames at network size, enlarged, as the model sees them")
    use_nms: bool = same_knob(Thresholds, "use_nms", False)
    nms_iou: float = same_knob(Thresholds, "nms_iou", 0.8, help="IoU from which boxes are duplicates")
    most: int | None = same_knob(Thresholds, "most", None)


def _demo(argv: Sequence[str]) -> int:
    flags = Flags("demo_uhd.py", "Detect people in a folder of images or a camera.", (DemoConfig,), "original")
    resolved = flags.resolve(argv)
    config = resolved[DemoConfig]
    if config.tflite is not None and config.onnx is not None:
        raise UserError("give either --onnx FILE or --tflite FILE")
    if (config.images is None) == (config.camera is None):
        raise UserError("give either --images DIR or --camera NUMBER")

    from uhd.cli.predict import predict
    from uhd.cli.predict_config import PredictConfig

    size, mode = _unsaid(config, "img_size" in resolved.typed)
    typed = {name: getattr(config, name) for name in ("score_mode", "quality_power") if name in resolved.typed}
    if typed and not _has_raw_outputs(config.tflite or config.onnx):
        for name in typed:
            warn(f"--{name.replace('_', '-')} is without effect: the file computes its scores itself")
        typed = {}
    source = config.images if config.images is not None else config.camera
    settings = PredictConfig(
        model=config.tflite or config.onnx,
        output=config.output,
        conf_thresh=config.conf_thresh,
        use_nms=config.use_nms,
        nms_iou=config.nms_iou,
        record=config.record if config.camera is not None else None,
        actual_size=config.actual_size,
        dynamic_threshold=config.use_dynamic_threshold,
        most=config.most,
        overwrite=True,
        img_size=size,
        resize_mode=mode,
        **typed,
    )
    return predict([source], settings)


def _has_raw_outputs(model: Path | None) -> bool:
    """Return whether the score of a file is made outside it; True too where it cannot be read, as loading will tell."""
    from uhd.load import load
    from uhd.runtime.raw_output import is_raw

    try:
        predictor = load(model, resize_mode="opencv_inter_nearest").predictor
    except UserError:
        return True
    outputs, constants = getattr(predictor, "outputs", None), getattr(predictor, "constants", {})
    return outputs is None or is_raw([*outputs, *constants])


def _unsaid(config: DemoConfig, size_typed: bool) -> tuple[tuple[int, int] | None, str | None]:
    """Return size and resize mode for what a model file leaves open, as the original's demo assumed them."""
    typed = config.img_size if size_typed else None
    if config.tflite is not None:
        from uhd.runtime.litert import says_resize_mode

        return typed, None if says_resize_mode(config.tflite) else "opencv_inter_nearest"
    if config.onnx is None or config.onnx.suffix.lower() != ".onnx":
        return typed, None
    from uhd.runtime.onnx import open_session

    session = open_session(config.onnx)
    said: dict[str, str] = session.get_modelmeta().custom_metadata_map
    fixed = all(isinstance(side, int) for side in session.get_inputs()[0].shape[2:])
    size = typed if fixed or said.get("img_size") else config.img_size
    return size, None if said.get("resize_mode") else "opencv_inter_nearest"
