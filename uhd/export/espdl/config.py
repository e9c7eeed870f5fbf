"""Settings of the ESP-DL export; the flags of the original with its defaults as the preset ``original``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize
from uhd.data.config import parse_classes
from uhd.export.espdl.recipes import RECIPES
from uhd.resize import canonical_mode

TARGETS = ("c", "esp32s3", "esp32p4")
ALGORITHMS = ("auto", "kl", "minmax", "mse", "percentile")
_DEFAULT = "ultratinyod_res_anc8_w32_64x64_opencv_inter_nearest_static_nopost"
_MODEL, _IMAGES, _BITS, _CHECK = "model", "calibration images", "quantisation", "accuracy and speed"


@dataclass(frozen=True)
class EspdlConfig:
    """What is quantised, how, and what is reported."""

    onnx_model: Path | None = knob(
        None,
        "ONNX model without post-processing (.onnx), or a checkpoint (.safetensors, .pt)",
        group=_MODEL,
        original=Path(f"{_DEFAULT}.onnx"),
    )
    espdl_model: Path | None = knob(
        None,
        "file to write; default: the model's name with .espdl",
        group=_MODEL,
        original=Path(f"{_DEFAULT}.espdl"),
    )
    export_anchors_wh_scale_dir: Path | None = knob(
        None, "folder of the anchors and wh_scale .npy; default: that of the .espdl file", group=_MODEL
    )
    all_branches: bool = knob(
        False,
        "every branch of a checkpoint, also those that no score needs; older firmware reads obj",
        group=_MODEL,
        original=True,
    )
    expand_group_conv: bool = knob(False, "make grouped convolutions dense", group=_MODEL)
    split_wide_convs: bool = knob(
        False, "cut 1x1 convolutions whose weights exceed the cache into parts that fit", group=_MODEL
    )
    target: str = knob("esp32s3", "chip", group=_MODEL, choices=TARGETS)

    calibration: Path | None = knob(None, "folder of images, a data.yaml or a list (required)", group=_IMAGES)
    image_dir: Path | None = knob(
        None,
        "the same as --calibration, under the original's name: folder of images, a data.yaml or a list",
        group=_IMAGES,
    )
    dataset_type: str = knob(
        "image", "image: every image; yolo: those with a box of --class-ids", group=_IMAGES, choices=("image", "yolo")
    )
    list_path: Path | None = knob(None, "text file that names the images, one per line", group=_IMAGES)
    class_ids: tuple[int, ...] = knob((0,), "wanted classes of --dataset-type yolo", group=_IMAGES, parse=parse_classes)
    split: str = knob("train", "part of the images", group=_IMAGES, choices=("train", "val", "all"), original="all")
    val_split: float = knob(
        0.2,
        "share of validation images, where the data leaves it open",
        group=_IMAGES,
        minimum=0,
        maximum=1,
        original=0.0,
    )
    img_size: tuple[int, int] | None = same_knob(
        NetworkSize, "img_size", None, help="network size; default: the model's own", group=_IMAGES
    )
    resize_mode: str | None = knob(
        None,
        "how an image becomes the input; default: what the model says, else opencv_inter_nearest",
        group=_IMAGES,
        parse=canonical_mode,
    )
    calibration_images: int | None = knob(
        None, "how many images (default: --calib-steps times --batch-size, 64)", group=_IMAGES, minimum=2, maximum=50000
    )
    batch_size: int = knob(1, "images per calibration step", group=_IMAGES, minimum=1)
    calib_steps: int = knob(64, "calibration steps", group=_IMAGES, minimum=2, maximum=5000, original=32)

    calib_algorithm: str = knob(
        "auto",
        "how the range of an activation is found; auto: percentile in 8 bits, minmax in 16, outputs by predictions",
        group=_BITS,
        choices=ALGORITHMS,
        original="kl",
    )
    num_of_bits: int = knob(8, "bits of weights and activations", group=_BITS, choices=(8, 16))
    use_layerwise_equalization: bool = knob(True, "equalise weights between layers first", group=_BITS, original=False)
    bias_correction: bool = knob(
        True, "take the mean error of rounded weights out of the biases", group=_BITS, original=False
    )
    reconstruction: bool = knob(
        True,
        "fit rounded weights and biases, layer by layer, to what the float layers put out",
        group=_BITS,
        original=False,
    )
    stored_relus: bool = knob(
        True,
        "leave Relus to storing, which has twice the codes for them, where the chip's sums are wide enough (P4, c)",
        group=_BITS,
        original=False,
    )
    int16_op_pattern: tuple[str, ...] = knob(
        (), "regular expression of nodes in 16 bits; may be given several times", group=_BITS, repeat=True
    )
    recipe: str | None = knob(
        None, "16-bit layers of one of the original's S3 recipes", group=_BITS, choices=(*RECIPES, None)
    )
    auto_int16_depthwiseconv: bool = knob(False, "depthwise convolutions in 16 bits", group=_BITS)
    auto_int16: int = knob(0, "find so many layers that gain most from 16 bits", group=_BITS, minimum=0)
    strict: bool = knob(False, "a pattern that matches nothing is an error", group=_BITS)
    device: str = knob("cpu", "where calibration runs", group=_BITS, choices=("cpu", "cuda"))

    score: bool = knob(False, "print AP50 of the float model and of the simulated quantised ones", group=_CHECK)
    score_dir: Path | None = knob(None, "labelled images for --score; default: --image-dir", group=_CHECK)
    latency: bool = knob(False, "print the estimated time of every layer", group=_CHECK)
    latency_json: Path | None = knob(None, "write the estimate as JSON", group=_CHECK)

    @property
    def photographs(self) -> Path | None:
        """What is calibrated on."""
        return self.calibration or self.image_dir
