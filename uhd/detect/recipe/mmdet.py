"""A configuration of MMDetection 3: Python that inherits one of its own and says what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.detect.recipe.facts import Facts
from uhd.detect.recipe.foreign import Foreign, convert_command, side_of, word
from uhd.errors import UserError, nearest


@dataclass(frozen=True)
class _Base:
    """A configuration of MMDetection: its file, its task, where its classes are counted, images it was made for.

    ``nested`` says that its training set stands inside another that mixes images.
    """

    file: str
    task: str
    heads: tuple[tuple[str, ...], ...]
    batch: int
    nested: bool = False


_ONE, _TWO = (("bbox_head",),), (("roi_head", "bbox_head"),)
ARCHITECTURES = {
    "rtmdet-tiny": _Base("rtmdet/rtmdet_tiny_8xb32-300e_coco.py", "detect", _ONE, 256),
    "faster-rcnn": _Base("faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py", "detect", _TWO, 16),
    "retinanet": _Base("retinanet/retinanet_r50_fpn_1x_coco.py", "detect", _ONE, 16),
    "fcos": _Base("fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py", "detect", _ONE, 16),
    "atss": _Base("atss/atss_r50_fpn_1x_coco.py", "detect", _ONE, 16),
    "yolox-s": _Base("yolox/yolox_s_8xb8-300e_coco.py", "detect", _ONE, 64, True),
    "detr": _Base("detr/detr_r50_8xb2-150e_coco.py", "detect", _ONE, 16),
    "dino": _Base("dino/dino-4scale_r50_8xb2-12e_coco.py", "detect", _ONE, 16),
    "mask-rcnn": _Base("mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py", "segment", (*_TWO, ("roi_head", "mask_head")), 16),
    "rtmdet-ins-tiny": _Base("rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py", "segment", _ONE, 256),
}


def mmdet(facts: Facts, data: Path, task: str, arch: str | None, epochs: int, batch: int, folder: Path) -> Foreign:
    """Return the file and the commands; see :func:`uhd.detect.recipe.ultralytics.ultralytics`.

    Raises:
        UserError: no such architecture, or one of another task.
    """
    own = [name for name, each in ARCHITECTURES.items() if each.task == task]
    if not own:
        raise UserError("--task pose: MMDetection has no key points (MMPose has): use --framework detectron2")
    arch = arch or own[0]
    if arch not in own:
        raise UserError(
            f"--arch {arch}: not one of MMDetection for --task {task}{nearest(arch, own)}: {', '.join(own)}"
        )
    base, root, metainfo = ARCHITECTURES[arch], f"{folder / 'coco'}/", {"classes": facts.names}

    def part(name: str) -> dict[str, Any]:
        files = {"ann_file": f"annotations/instances_{name}.json", "data_prefix": {"img": f"images/{name}/"}}
        return {"data_root": root, "metainfo": metainfo, **files}

    model: dict[str, Any] = {}
    for head in base.heads:
        node = model
        for name in head:
            node = node.setdefault(name, {})
        node["num_classes"] = len(facts.names)
    train = {**part("train"), "filter_cfg": {"filter_empty_gt": False, "min_size": 1}}
    val_loader = {"dataset": {**part("val"), "test_mode": True}}
    evaluator = {"ann_file": f"{root}annotations/instances_val.json"}
    table: dict[str, Any] = {
        "_base_": [f"mmdet::{base.file}"],
        "model": model,
        "train_dataloader": {"batch_size": batch, "dataset": {"dataset": train} if base.nested else train},
        "val_dataloader": val_loader,
        "test_dataloader": val_loader,
        "val_evaluator": evaluator,
        "test_evaluator": evaluator,
        "train_cfg": {"max_epochs": epochs, "val_interval": max(1, epochs // 10)},
        # The base's learning rate is for its own batch; mmengine scales it with --auto-scale-lr.
        "auto_scale_lr": {"enable": True, "base_batch_size": base.batch},
        "work_dir": str(folder / "output"),
    }
    side = side_of(facts, 32)
    lines = [f"# mim train mmdet mmdet_config.py   (people are large enough at a scale of {side})"]
    lines += [f"{name} = {value!r}" for name, value in table.items()]
    return Foreign(
        {"mmdet_config.py": "\n".join(lines) + "\n"},
        (
            convert_command(facts, data, folder / "coco", "coco"),
            f"mim train mmdet {word(folder / 'mmdet_config.py')} --gpus 1 --launcher none",
        ),
    )
