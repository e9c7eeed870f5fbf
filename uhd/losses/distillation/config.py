"""Which teacher, and how much each term counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import Search, knob, same_knob
from uhd.config.groups import NetworkSize

_TEACHER, _WEIGHTS = "teacher", "distillation"
_AUTO = "(default: what suits the pair; 0 is off)"


@dataclass(frozen=True)
class DistillConfig:
    """Distillation. Nothing of it has an effect without ``teacher_ckpt`` or ``teacher_backbone``.

    Architecture and size of the teacher come from its file; the ``teacher_*`` fields that name parts of it are checked
    against the file. A weight of None takes a default when the term has a meaning for the pair.
    """

    teacher_ckpt: Path | None = knob(None, "trained model to learn from, .safetensors or .pt", group=_TEACHER)
    teacher_img_size: tuple[int, int] | None = same_knob(
        NetworkSize, "img_size", None, group=_TEACHER,
        help="size at which the teacher sees the same crop (default: the one it was trained at)",
    )  # fmt: skip
    teacher_arch: str | None = knob(None, "checked against its file: architecture", group=_TEACHER)
    teacher_num_queries: int | None = knob(None, "checked against its file: queries", group=_TEACHER)
    teacher_d_model: int | None = knob(None, "checked against its file: width", group=_TEACHER)
    teacher_heads: int | None = knob(None, "checked against its file: attention heads", group=_TEACHER)
    teacher_layers: int | None = knob(None, "checked against its file: layers", group=_TEACHER)
    teacher_dim_feedforward: int | None = knob(None, "checked against its file: feed-forward width", group=_TEACHER)
    teacher_use_skip: bool = knob(False, "checked against its file: it has skips", group=_TEACHER)
    teacher_activation: str | None = knob(
        None, "checked against its file: activation", group=_TEACHER, choices=("relu", "swish")
    )
    teacher_use_fpn: bool = knob(False, "checked against its file: it has a feature pyramid", group=_TEACHER)
    teacher_backbone: Path | None = knob(
        None, "weights of a DINOv3 vision transformer whose features are learnt", group=_TEACHER
    )
    teacher_backbone_arch: str | None = knob(
        None, "checked against its file: dinov3_vits16, dinov3_vitb16, dinov3_vitl16, ...", group=_TEACHER
    )
    teacher_backbone_norm: str = knob(
        "imagenet", "how its input is normalised", group=_TEACHER, choices=("imagenet", "none")
    )
    teacher_dtype: str = knob(
        "float32", "type in which the teacher computes: bf16 is faster where the processor has it (AVX512-BF16, AMX)",
        group=_TEACHER, choices=("float32", "bf16"),
    )  # fmt: skip
    override_from_teacher_anchors: bool = knob(False, "take the teacher's anchors", group=_TEACHER)

    distill_objective: str = knob(
        "foreground",
        "foreground: a cell counts for what the teacher sees in it; original: means over all cells",
        group=_WEIGHTS,
        choices=("foreground", "original"),
        original="original",
    )
    distill_weight: float = knob(
        1.0, "factor on all terms of the predictions; the features have their own", group=_WEIGHTS, minimum=0, keras=0.0
    )
    distill_kl: float | None = knob(
        None, f"weight of the class probabilities {_AUTO}", group=_WEIGHTS, minimum=0, original=0.0
    )
    distill_box_l1: float | None = knob(
        None, f"weight of the boxes {_AUTO}", group=_WEIGHTS, minimum=0, original=0.0, presets={"prune": 40.0}
    )
    distill_obj: float | None = knob(
        None, f"weight of the objectness {_AUTO}", group=_WEIGHTS, minimum=0, original=0.0, presets={"prune": 2.0}
    )
    distill_quality: float | None = knob(
        None, f"weight of the quality {_AUTO}", group=_WEIGHTS, minimum=0, original=0.0, presets={"prune": 40.0}
    )
    distill_feat: float | None = knob(
        None, f"weight of the features {_AUTO}", group=_WEIGHTS, minimum=0, original=0.0, keras=0.0
    )
    distill_temperature: float = knob(
        1.0,
        "softens probabilities before they are compared",
        group=_WEIGHTS,
        minimum=0,
        exclusive_minimum=True,
        search=Search(0.5, 4, log=True),
    )
    distill_alpha: float | None = knob(
        None, "share of the teacher: the labels' loss counts 1 - alpha, the teacher's alpha (default: both count 1)",
        group=_WEIGHTS, minimum=0, maximum=1,
    )  # fmt: skip
    distill_cosine: bool = knob(False, "let distillation grow from 0 to its weight over the run", group=_WEIGHTS)

    @property
    def active(self) -> bool:
        """Whether there is a teacher."""
        return self.teacher_ckpt is not None or self.teacher_backbone is not None
