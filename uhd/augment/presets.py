"""Augmentation for a task at an intensity, for this package and as text for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

TASKS = ("detect", "pose", "segment", "classify")
INTENSITIES = ("light", "medium", "heavy")
# By intensity: how far colours, sizes and places move. The medium one is the recipe of uhd train.
_AMOUNT: dict[str, dict[str, Any]] = {
    "light": {"mosaic": 0.0, "scale": [0.8, 1.2], "hsv": (0.01, 0.3, 0.2), "rotate": 0, "noise": 0.0, "holes": 0.0},
    "medium": {"mosaic": 0.5, "scale": [0.4, 1.4], "hsv": (0.015, 0.6, 0.4), "rotate": 0, "noise": 0.0, "holes": 0.0},
    "heavy": {"mosaic": 0.7, "scale": [0.3, 1.6], "hsv": (0.02, 0.7, 0.5), "rotate": 10, "noise": 0.3, "holes": 0.2},
}


def augment_text(task: str, intensity: str, target: str, size: tuple[int, int] = (64, 64)) -> str:
    """Return an augmentation as the text of a file.

    Args:
        task: one of :data:`TASKS`; pose and segment keep joints whole: fewer mosaic seams, no holes in people; a whole
            picture is classified, so classify has no mosaic, and its objects may not leave it.
        intensity: one of :data:`INTENSITIES`.
        target: key of :data:`TARGETS`.
        size: network size (h, w), which some libraries want to know.
    """
    amount = dict(_AMOUNT[intensity])
    if task in ("pose", "segment"):
        amount |= {"mosaic": amount["mosaic"] / 2, "holes": 0.0}
    if task == "classify":
        amount |= {"mosaic": 0.0, "scale": [max(amount["scale"][0], 0.7), amount["scale"][1]]}
    return TARGETS[target](task, amount, size)


def _uhd(_task: str, amount: dict[str, Any], _size: tuple[int, int]) -> str:
    hue, saturation, value = amount["hsv"]
    operations: dict[str, Any] = {
        **({"Mosaic": {"prob": amount["mosaic"]}} if amount["mosaic"] else {}),
        "RandomWindow": {"prob": 1.0, "scale": amount["scale"], "aspect": 0.25, "min_visibility": 0.3},
        "HorizontalFlip": {"prob": 0.5},
        **({"Rotate": {"prob": 0.3, "rotate": amount["rotate"]}} if amount["rotate"] else {}),
        "RandomHSV": {"prob": 0.7, "hue": hue, "saturation": saturation, "value": value},
        **(
            {"ISONoise": {"prob": amount["noise"]}, "MotionBlur": {"prob": 0.1, "blur_limit": [3, 5]}}
            if amount["noise"]
            else {}
        ),
        **({"CoarseDropout": {"prob": amount["holes"]}} if amount["holes"] else {}),
    }
    return yaml.safe_dump({"data_augment": operations}, sort_keys=False)


def _albumentations(task: str, amount: dict[str, Any], size: tuple[int, int]) -> str:
    hue, saturation, value = amount["hsv"]
    low, high = (round(min(1.0, 1 / end) ** 2, 3) for end in reversed(amount["scale"]))
    lines = [
        "import albumentations as A",
        "",
        "transform = A.Compose(",
        "    [",
        f"        A.RandomResizedCrop(size={size}, scale=({low}, {max(high, low)}), ratio=(0.75, 1.33), p=1.0),",
        "        A.HorizontalFlip(p=0.5),",
        f"        A.HueSaturationValue(hue_shift_limit={round(hue * 180)}, sat_shift_limit={round(saturation * 255)}, "
        f"val_shift_limit={round(value * 255)}, p=0.7),",
    ]
    if amount["rotate"]:
        lines.append(f"        A.Affine(rotate=({-amount['rotate']}, {amount['rotate']}), p=0.3),")
    if amount["noise"]:
        lines.append(f"        A.GaussNoise(std_range=(0.02, 0.1), p={amount['noise']}),")
        lines.append("        A.MotionBlur(blur_limit=(3, 5), p=0.1),")
    if amount["holes"]:
        lines.append(
            "        A.CoarseDropout(num_holes_range=(1, 5), hole_height_range=(0.05, 0.2), "
            f"hole_width_range=(0.05, 0.2), fill=114, p={amount['holes']}),"
        )
    if task == "classify":
        return "\n".join([*lines, "    ]", ")", ""])
    points = ', keypoint_params=A.KeypointParams(format="xy", remove_invisible=False)' if task == "pose" else ""
    boxes = 'A.BboxParams(format="yolo", label_fields=["class_labels"], min_visibility=0.3)'
    return "\n".join([*lines, "    ],", f"    bbox_params={boxes}{points},", ")", ""])


def _torchvision(task: str, amount: dict[str, Any], size: tuple[int, int]) -> str:
    hue, saturation, value = amount["hsv"]
    low, high = amount["scale"]
    about = "the boxes come out clean" if task in ("detect", "segment") else "what leaves the picture is not taken out"
    place = [
        f"        v2.ScaleJitter(target_size={size}, scale_range=({low}, {high})),",
        f"        v2.RandomCrop(size={size}, pad_if_needed=True, fill=114),",
    ]
    if task == "classify":
        about = "labels of whole pictures pass through"
        place = [f"        v2.RandomResizedCrop(size={size}, scale=({round(high**-2, 3)}, 1.0), ratio=(0.75, 1.33)),"]
    lines = [
        "import torch",
        "from torchvision.transforms import v2",
        "",
        f"# boxes, masks and key points go in as tv_tensors; {about}",
        "transform = v2.Compose(",
        "    [",
        *place,
        "        v2.RandomHorizontalFlip(p=0.5),",
        f"        v2.ColorJitter(brightness={value}, saturation={saturation}, hue={hue}),",
    ]
    if amount["rotate"]:
        lines.append(f"        v2.RandomApply([v2.RandomRotation(degrees={amount['rotate']}, fill=114)], p=0.3),")
    if amount["noise"]:
        lines.append("        v2.RandomApply([v2.GaussianBlur(kernel_size=(3, 3))], p=0.1),")
    if task in ("detect", "segment"):
        lines += ["        v2.ClampBoundingBoxes(),", "        v2.SanitizeBoundingBoxes(min_size=1),"]
    lines.append("        v2.ToDtype(torch.float32, scale=True),")
    if task == "classify" and amount["holes"]:
        lines.append(f"        v2.RandomErasing(p={amount['holes']}),")
    return "\n".join([*lines, "    ]", ")", ""])


def _ultralytics(task: str, amount: dict[str, Any], _size: tuple[int, int]) -> str:
    hue, saturation, value = amount["hsv"]
    scale = round(max(1 - amount["scale"][0], amount["scale"][1] - 1), 2)
    if task == "classify":  # the others are not for it
        table = {"hsv_h": hue, "hsv_s": saturation, "hsv_v": value, "scale": scale, "flipud": 0.0, "fliplr": 0.5}
        return yaml.safe_dump(table | {"erasing": amount["holes"]}, sort_keys=False)
    table = {
        "hsv_h": hue, "hsv_s": saturation, "hsv_v": value, "degrees": float(amount["rotate"]), "translate": 0.1,
        "scale": scale, "shear": 0.0, "perspective": 0.0,
        "flipud": 0.0, "fliplr": 0.5, "mosaic": amount["mosaic"], "mixup": 0.0,
        "copy_paste": 0.1 if task == "segment" and amount["noise"] else 0.0, "close_mosaic": 10,
    }  # fmt: skip
    return yaml.safe_dump(table, sort_keys=False)


TARGETS: dict[str, Callable[[str, dict[str, Any], tuple[int, int]], str]] = {
    "uhd": _uhd,
    "albumentations": _albumentations,
    "torchvision": _torchvision,
    "ultralytics": _ultralytics,
}
