"""Emitted configurations in the hands of whom they are for, where these install: pytest -m slow, and the reason if not.

    pip install mmengine 'albumentations<2.1' torchvision; pip install --no-deps mmdet fvcore iopath yacs

Detectron2 comes from its own page. Nothing of Ultralytics, which is AGPL, is installed or imported: its arguments are
compared with the names in its documentation, written down here.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from uhd.augment.presets import INTENSITIES, TASKS, augment_text
from uhd.detect.recipe.detectron2 import ARCHITECTURES as DETECTRON2
from uhd.detect.recipe.detectron2 import detectron2
from uhd.detect.recipe.facts import Facts
from uhd.detect.recipe.mmdet import ARCHITECTURES as MMDET
from uhd.detect.recipe.mmdet import mmdet
from uhd.detect.recipe.ultralytics import ultralytics

FACTS = Facts(90, 9, 3, 200, ("person", "it's"), (150, 50), (0.1,) * 5, 4, (480, 640), 5, False)
# Names of the arguments of a training, and of its augmentation with their ranges and the tasks they are not for: the
# tables of https://docs.ultralytics.com/usage/cfg/ (docs/macros/train-args.md at 0035a7d, augmentation-args.md at
# 0c29a20 of the documentation), without those of depth and distillation; task and mode are the command's own words.
TRAINING = {
    "task", "mode", "model", "data", "epochs", "time", "patience", "batch", "imgsz", "save", "save_period", "cache",
    "device", "workers", "project", "name", "exist_ok", "save_dir", "pretrained", "optimizer", "seed", "deterministic",
    "verbose", "single_cls", "classes", "rect", "multi_scale", "cos_lr", "close_mosaic", "resume", "amp", "fraction",
    "profile", "freeze", "lr0", "lrf", "momentum", "weight_decay", "warmup_epochs", "warmup_momentum", "warmup_bias_lr",
    "box", "cls", "dfl", "pose", "kobj", "nbs", "overlap_mask", "mask_ratio", "dropout", "val", "plots",
}  # fmt: skip
WHOLE = {"epochs", "patience", "batch", "imgsz", "seed", "close_mosaic"}
RANGES = {
    "hsv_h": 1, "hsv_s": 1, "hsv_v": 1, "degrees": 180, "translate": 1, "scale": 1, "shear": 180, "perspective": 0.001,
    "flipud": 1, "fliplr": 1, "bgr": 1, "mosaic": 1, "mixup": 1, "cutmix": 1, "copy_paste": 1, "erasing": 1,
}  # fmt: skip
ONLY_FOR = {"copy_paste": "segment", "erasing": "classify", "auto_augment": "classify"}


def _unknown(own: Mapping[str, Any], theirs: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for key, value in own.items():
        if key not in theirs:
            yield where + key
        elif isinstance(value, Mapping) and isinstance(theirs[key], Mapping):
            yield from _unknown(value, theirs[key], f"{where}{key}.")


@pytest.mark.parametrize("arch", [None, "yolo26n"])
@pytest.mark.parametrize("task", ["detect", "segment", "pose"])
def test_ultralytics_documents_every_argument(task: str, arch: str | None) -> None:
    text = ultralytics(FACTS, Path("in"), task, arch, 12, 4, Path("out")).files["ultralytics.yaml"]
    table = yaml.safe_load(text)
    assert set(table) <= TRAINING | set(RANGES)
    assert all(type(table[name]) is int for name in set(table) & WHOLE)
    assert all(0 <= table[name] <= RANGES[name] for name in set(table) & set(RANGES))
    assert not [name for name, other in ONLY_FOR.items() if other != task and table.get(name)]
    assert str(table["model"]).removesuffix(".pt").endswith({"detect": "n", "segment": "-seg", "pose": "-pose"}[task])


@pytest.mark.slow
@pytest.mark.parametrize("arch", MMDET)
def test_mmengine_reads_what_mmdetection_knows(arch: str, tmp_path: Path) -> None:
    config = pytest.importorskip("mmengine.config", reason="pip install mmengine 'setuptools<80'")
    if importlib.util.find_spec("mmdet") is None:
        pytest.skip("pip install --no-deps mmdet (its files are read, its code is not run)")
    text = mmdet(FACTS, Path("in"), MMDET[arch].task, arch, 12, 4, tmp_path).files["mmdet_config.py"]
    file = tmp_path / "mmdet_config.py"
    file.write_text(text)
    (tmp_path / "base.py").write_text(f"_base_ = ['mmdet::{MMDET[arch].file}']\n")
    base = config.Config.fromfile(tmp_path / "base.py").to_dict()
    whole = config.Config.fromfile(file)
    own = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) != "_base_"
    }
    # Arguments that the base leaves at their defaults: of CocoDataset, of the runner, and of its rate.
    unknown = {name.rsplit(".", 1)[-1] for name in _unknown(own, base)}
    assert unknown <= {"metainfo", "work_dir", "enable"}
    loader = whole.train_dataloader.dataset
    loader = loader.dataset if MMDET[arch].nested else loader
    assert (loader.type, loader.metainfo.classes, loader.filter_cfg.filter_empty_gt) == (
        "CocoDataset", ("person", "it's"), False,
    )  # fmt: skip
    for head in MMDET[arch].heads:
        node = whole.model
        for name in head:
            node = node[name]
        assert node.num_classes == 2


@pytest.mark.slow
@pytest.mark.parametrize("arch", DETECTRON2)
def test_detectron2_merges_every_key(arch: str, tmp_path: Path) -> None:
    theirs = pytest.importorskip("detectron2.config", reason="Detectron2 is not installed; it is not on PyPI")
    folder = Path(importlib.import_module("detectron2").__file__ or "").parent / "model_zoo" / "configs"
    zoo, task = DETECTRON2[arch].config, DETECTRON2[arch].task
    file = tmp_path / "detectron2.yaml"
    file.write_text(detectron2(FACTS, Path("in"), task, arch, 12, 4, tmp_path).files["detectron2.yaml"])
    config = theirs.get_cfg()
    config.merge_from_file(str(folder / zoo / f"{arch}.yaml"))
    config.merge_from_file(str(file))  # raises where a key is not known, or of another type
    assert (config.MODEL.ROI_HEADS if "retinanet" not in arch else config.MODEL.RETINANET).NUM_CLASSES == 2
    assert (task == "pose") == config.MODEL.KEYPOINT_ON
    if task == "pose":
        assert len(config.TEST.KEYPOINT_OKS_SIGMAS) == config.MODEL.ROI_KEYPOINT_HEAD.NUM_KEYPOINTS == 5


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_albumentations_builds_and_runs(task: str, intensity: str) -> None:
    library = pytest.importorskip("albumentations", reason="pip install 'albumentations<2.1'", exc_type=ImportError)
    if not library.__version__.startswith("2."):
        pytest.skip(f"Albumentations {library.__version__} is not 2")
    scope: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it only warns of arguments that it does not know
        exec(compile(augment_text(task, intensity, "albumentations", (48, 64)), task, "exec"), scope)
    image = np.full((96, 128, 3), 90, np.uint8)
    given: dict[str, Any] = {"image": image}
    if task != "classify":
        given |= {"bboxes": [(0.5, 0.5, 0.5, 0.5)], "class_labels": [0]}
    if task == "pose":
        given["keypoints"] = [(64, 48)]
    if task == "segment":
        given["mask"] = image[..., 0]
    seen = scope["transform"](**given)
    assert seen["image"].shape == (48, 64, 3)
    assert len(seen.get("keypoints", [1])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_torchvision_builds_and_runs(task: str, intensity: str) -> None:
    torch = pytest.importorskip("torch")
    try:
        tensors = importlib.import_module("torchvision.tv_tensors")
    except (ImportError, RuntimeError) as error:  # one that was built for another torch raises the latter
        pytest.skip(f"no torchvision for torch {torch.__version__}: {error}")
    scope: dict[str, Any] = {}
    exec(compile(augment_text(task, intensity, "torchvision", (48, 64)), task, "exec"), scope)
    given = {
        "image": tensors.Image(torch.full((3, 96, 128), 90, dtype=torch.uint8)),
        "boxes": tensors.BoundingBoxes([[32.0, 24.0, 96.0, 72.0]], format="XYXY", canvas_size=(96, 128)),
        "labels": torch.zeros(1, dtype=torch.int64),
    }
    seen = scope["transform"](given)
    assert seen["image"].shape == (3, 48, 64)
    assert seen["image"].dtype == torch.float32
