"""A Detectron2 training: the YAML that differs from the model zoo's, and a script that registers the data set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uhd.detect.recipe.facts import Facts
from uhd.detect.recipe.foreign import Foreign, convert_command, side_of, word
from uhd.errors import UserError, nearest


@dataclass(frozen=True)
class _Zoo:
    """A model of the zoo: its configuration, the task, the learning rate for 16 images, the node of its classes."""

    config: str
    task: str
    rate: float
    node: str


_BOXES, _MASKS, _POINTS = "COCO-Detection", "COCO-InstanceSegmentation", "COCO-Keypoints"
ARCHITECTURES = {
    "faster_rcnn_R_50_FPN_3x": _Zoo(_BOXES, "detect", 0.02, "ROI_HEADS"),
    "faster_rcnn_R_101_FPN_3x": _Zoo(_BOXES, "detect", 0.02, "ROI_HEADS"),
    "faster_rcnn_X_101_32x8d_FPN_3x": _Zoo(_BOXES, "detect", 0.02, "ROI_HEADS"),
    "retinanet_R_50_FPN_3x": _Zoo(_BOXES, "detect", 0.01, "RETINANET"),
    "retinanet_R_101_FPN_3x": _Zoo(_BOXES, "detect", 0.01, "RETINANET"),
    "mask_rcnn_R_50_FPN_3x": _Zoo(_MASKS, "segment", 0.02, "ROI_HEADS"),
    "mask_rcnn_R_101_FPN_3x": _Zoo(_MASKS, "segment", 0.02, "ROI_HEADS"),
    "keypoint_rcnn_R_50_FPN_3x": _Zoo(_POINTS, "pose", 0.02, "ROI_HEADS"),
}
# Of how far an annotator's points scatter, as a share of the person, where COCO's 17 values do not apply:
# the mean of them (https://cocodataset.org/#keypoints-eval).
_SCATTER = 0.067
_SCRIPT = '''\
"""Train with Detectron2: see the recipe that wrote it."""

from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.data import MetadataCatalog
from detectron2.data.datasets import register_coco_instances
from detectron2.engine import DefaultTrainer, default_setup
from detectron2.evaluation import COCOEvaluator

ZOO = "{zoo}"
FOLDER = {folder!r}


class Trainer(DefaultTrainer):
    @classmethod
    def build_evaluator(cls, cfg, dataset_name, output_folder=None):
        return COCOEvaluator(dataset_name, output_dir=output_folder or cfg.OUTPUT_DIR)


for part in ("train", "val"):
    register_coco_instances(
        f"people_{{part}}",
        {{}},
        f"{{FOLDER}}/coco/annotations/instances_{{part}}.json",
        f"{{FOLDER}}/coco/images/{{part}}",
    )
    MetadataCatalog.get(f"people_{{part}}").set({metadata})
cfg = get_cfg()
cfg.merge_from_file(model_zoo.get_config_file(ZOO))
cfg.MODEL.WEIGHTS = model_zoo.get_checkpoint_url(ZOO)
cfg.merge_from_file(f"{{FOLDER}}/detectron2.yaml")
default_setup(cfg, None)
trainer = Trainer(cfg)
trainer.resume_or_load(resume=True)
trainer.train()
'''


def detectron2(facts: Facts, data: Path, task: str, arch: str | None, epochs: int, batch: int, folder: Path) -> Foreign:
    """Return the files and the commands; see :func:`uhd.detect.recipe.ultralytics.ultralytics`.

    Raises:
        UserError: no such architecture, or one of another task.
    """
    own = [name for name, each in ARCHITECTURES.items() if each.task == task]
    arch = arch or own[0]
    if arch not in own:
        raise UserError(f"--arch {arch}: not one of Detectron2 for --task {task}{nearest(arch, own)}: {', '.join(own)}")
    zoo, side = ARCHITECTURES[arch], side_of(facts, 32)
    batch = min(batch, 16)
    iterations = epochs * math.ceil(facts.train / batch)
    # Linear scaling: https://arxiv.org/abs/1706.02677
    rate = round(zoo.rate * batch / 16, 6)
    table: dict[str, Any] = {
        "VERSION": 2,
        "DATASETS": {"TRAIN": ["people_train"], "TEST": ["people_val"]},
        "DATALOADER": {"FILTER_EMPTY_ANNOTATIONS": False, "NUM_WORKERS": 4},
        "INPUT": {"MIN_SIZE_TRAIN": [side * share // 100 for share in (80, 90, 100)], "MIN_SIZE_TEST": side,
                  "MAX_SIZE_TRAIN": 2 * side, "MAX_SIZE_TEST": 2 * side},
        "MODEL": {zoo.node: {"NUM_CLASSES": len(facts.names)}},
        "SOLVER": {
            "IMS_PER_BATCH": batch, "BASE_LR": rate, "MAX_ITER": iterations,
            "WARMUP_ITERS": min(1000, iterations // 10),
            "STEPS": [iterations * 2 // 3, iterations * 8 // 9], "CHECKPOINT_PERIOD": max(1, iterations // 10),
        },
        "TEST": {"EVAL_PERIOD": max(1, iterations // 10), "DETECTIONS_PER_IMAGE": max(100, 2 * facts.most)},
        "OUTPUT_DIR": str(folder / "output"),
    }  # fmt: skip
    metadata = f"thing_classes={list(facts.names)!r}"
    if task == "pose":
        table["MODEL"]["ROI_KEYPOINT_HEAD"] = {"NUM_KEYPOINTS": facts.keypoints or 17}
        if facts.keypoints not in (0, 17):
            table["TEST"]["KEYPOINT_OKS_SIGMAS"] = [_SCATTER] * facts.keypoints
        metadata += ", keypoint_names=NAMES, keypoint_flip_map=[]"
    script = _SCRIPT.format(zoo=f"{zoo.config}/{arch}.yaml", folder=str(folder), metadata=metadata)
    if task == "pose":
        names = [f"point_{i}" for i in range(facts.keypoints or 17)]
        script = script.replace("\n\nclass Trainer", f"\nNAMES = {names!r}\n\n\nclass Trainer", 1)
    return Foreign(
        {"detectron2.yaml": yaml.safe_dump(table, sort_keys=False), "train_detectron2.py": script},
        (convert_command(facts, data, folder / "coco", "coco"), f"python {word(folder / 'train_detectron2.py')}"),
    )
