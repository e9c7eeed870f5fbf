"""Weights of other classes: the network, and every class known by name, is taken; the others start fresh."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uhd.detect.network import load_start
from uhd.models import ARCHITECTURES
from uhd.models.network import DetectorNetwork
from uhd.models.weights import describe, save_weights

THREE = ("dog", "Person", "car")


def _network(arch: str, classes: int, **options: object) -> DetectorNetwork:
    config = ARCHITECTURES[arch].config(num_classes=classes, **options)
    return ARCHITECTURES[arch].network(config)


@pytest.mark.parametrize(
    ("arch", "options", "layer", "start", "stride"),
    [
        ("ultratinyod", {"cnn_width": 16}, "head.cls_out", 0, 0),
        ("ultratinyod", {"cnn_width": 16, "use_iou_aware_head": False}, "head.cls_out", 0, 0),
        ("cnn", {"cnn_width": 8}, "head_hm", 0, 0),
        ("cnn", {"cnn_width": 8, "use_anchor": True}, "head", 5, 5),
        ("transformer", {"d_model": 16, "heads": 2, "layers": 1, "num_queries": 3}, "class_head", 0, 1),
    ],
)
def test_a_person_of_three_classes_is_the_person_of_one(
    arch: str, options: dict[str, object], layer: str, start: int, stride: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    many, one = _network(arch, 3, **options), _network(arch, 1, **options)
    path = tmp_path / "three.safetensors"
    save_weights(path, many.state_dict(), describe(many, class_names=list(THREE)))
    load_start(one, path, True, ("person",))
    old, new = many.state_dict(), one.state_dict()
    for name, value in new.items():
        if not name.startswith(layer + "."):
            assert torch.equal(value, old[name]), name
    for part in ("weight", "bias"):
        wide = old[f"{layer}.{part}"].unflatten(0, (-1, 3 + stride))
        narrow = new[f"{layer}.{part}"].unflatten(0, (-1, 1 + stride))
        assert torch.equal(narrow[:, start], wide[:, start + 1])


def test_a_class_that_it_does_not_know_starts_fresh(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, two = _network("ultratinyod", 1, cnn_width=16), _network("ultratinyod", 2, cnn_width=16)
    fresh = two.state_dict()["head.cls_out.weight"].clone().unflatten(0, (-1, 2))
    path = tmp_path / "one.safetensors"
    save_weights(path, one.state_dict(), describe(one, class_names=["person"]))
    load_start(two, path, True, ("person", "bicycle"))
    found = two.state_dict()["head.cls_out.weight"].unflatten(0, (-1, 2))
    assert torch.equal(found[:, 0], one.state_dict()["head.cls_out.weight"])
    assert torch.equal(found[:, 1], fresh[:, 1])
