"""Names, counts and outputs of UltraTinyOD equal those of the original, run on the same closed-form weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from uhd.models import create_model
from uhd.models.network import maps_of
from uhd.models.profile import profile
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

GOLDEN = Path(__file__).parent.parent / "golden"
UTOD = json.loads((GOLDEN / "utod.json").read_text())
PARAMS = json.loads((GOLDEN / "params.json").read_text())
NAMES = {
    "c_stem": "cnn_width",
    "utod_use_residual": "utod_residual",
    "use_head_ese": "utod_head_ese",
    "attr_num_classes": "num_attributes",
    "input_channels": "in_channels",
}
OFF = {
    "use_batchnorm": False,
    "use_improved_head": False,
    "use_iou_aware_head": False,
    "utod_residual": False,
    "utod_head_ese": False,
    "utod_large_obj_branch": False,
}
FAMILIES = {
    "improved": {"use_iou_aware_head": False, "utod_head_ese": False, "utod_large_obj_branch": False},
    "improved+ese": {"use_iou_aware_head": False, "utod_large_obj_branch": False},
    "improved+ese+iou": {"utod_large_obj_branch": False},
    "loese(d2,x1.25)": {},
}


def build(name: str) -> UltraTinyOD:
    options = OFF | {NAMES.get(key, key): value for key, value in UTOD["configs"][name]["build"].items()}
    return UltraTinyOD(UltraTinyODConfig(**options, anchors=tuple(map(tuple, UTOD["anchors8"])))).eval()


def uniform(n: np.ndarray, i: int) -> np.ndarray:
    """The golden numbers' own generator: the finaliser of murmur3 on a counter, in [0, 1)."""
    x = ((n.astype(np.uint64) + 1) * 2654435761 + (np.uint64(i) + 1) * 2654404609) % 2**32
    x = x.astype(np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return x / 2**32


def fill(model: UltraTinyOD) -> None:
    state = model.state_dict()
    for i, key in enumerate(sorted(state)):
        value = state[key]
        n = np.arange(value.numel())
        signed = 2 * uniform(n, i) - 1
        if key.endswith(("anchors", "num_batches_tracked")):
            continue
        if key.endswith("running_var"):
            new = 1 + 0.3 * uniform(n, i)
        elif key.endswith("running_mean"):
            new = 0.1 * signed
        elif value.ndim == 4:
            new = signed * np.sqrt(3 / value[0].numel()) * 1.3
        elif key == "head.wh_scale" or (key.removesuffix("weight") + "running_var" in state and key.endswith("weight")):
            new = 1 + 0.2 * signed
        else:
            new = 0.1 * signed
        value.copy_(torch.from_numpy(new.astype(np.float32)).view(value.shape))


@pytest.mark.parametrize("name", UTOD["configs"])
def test_names_shapes_and_order_of_the_state_dict(name: str) -> None:
    model = build(name)
    assert sum(p.numel() for p in model.parameters()) == UTOD["configs"][name]["params"]
    assert [(k, list(v.shape)) for k, v in model.state_dict().items()] == [
        (k, list(shape)) for k, shape in UTOD["configs"][name]["state"].items()
    ]


@pytest.mark.parametrize("name", UTOD["configs"])
def test_raw_output(name: str) -> None:
    model = build(name)
    with torch.no_grad():
        fill(model)
        channels = model.config.in_channels
        images = torch.sin(0.01 * torch.arange(channels * 64 * 64, dtype=torch.float64)).float()
        raw = maps_of(model(images.view(1, channels, 64, 64)))[0].numpy()
    wanted = np.load(GOLDEN / "utod.npz")[name]
    np.testing.assert_allclose(raw, wanted, atol=1e-4)


@pytest.mark.parametrize("key", PARAMS)
def test_counts_of_the_readme_families(key: str) -> None:
    family, width = key.split("|")
    if int(width) > 128:
        with torch.device("meta"):
            model = create_model(cnn_width=int(width), **FAMILIES[family])
        assert sum(p.numel() for p in model.parameters()) == PARAMS[key]["params"]
        return
    found = profile(create_model(cnn_width=int(width), **FAMILIES[family]))
    assert {"params": found.params, "folded": found.folded, "backbone": found.backbone, "macs": found.macs} == PARAMS[
        key
    ]
