"""Heads without anchors and pruned networks in the web engine, run by Node: the boxes of Python.

pytest -m slow tests/export/web/test_in_node.py
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.export.conftest import class_names, make_family, randomise
from uhd.boxes import iou_matrix
from uhd.card import ModelCard
from uhd.compress.prune import prune_channels
from uhd.compress.prune_config import PruneConfig
from uhd.export.c_target import open_network
from uhd.export.web.compiler import find_compiler
from uhd.models import create_model
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.models.profile import profile
from uhd.nms import Suppression

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_compiler() is None, reason="no zig or clang: pip install ziglang"),
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node"),
]
ROOT = Path(__file__).parents[3]
SIZE = (64, 64)
THRESHOLD = 0.3


def pruned(head: str) -> DetectorNetwork:
    pytest.importorskip("torch_pruning", reason="pruning needs the extra prune")
    network = create_model(cnn_width=16, head=head)
    randomise(network, np.random.default_rng(0))
    before = profile(network, SIZE).macs
    config = PruneConfig(macs=0.6, importance="magnitude", least_share=0.1)
    prune_channels(network, SIZE, config, lambda narrower: profile(narrower, SIZE).macs <= 0.6 * before)
    return network.eval()


NETWORKS = {
    "anchors": lambda: make_family("utod"),
    "distances": lambda: make_family("utod_anchor_free"),
    "distributions": lambda: make_family("utod_anchor_free", reg_max=4, num_classes=2),
    "one_to_one": lambda: make_family("utod_one_to_one"),
    "pruned anchors": lambda: pruned("anchor"),
    "pruned distances": lambda: pruned("anchor_free"),
}


def in_node(page: Path, images: list[np.ndarray]) -> list[np.ndarray]:
    """Return rows (N, 6) ``xyxy``, score, class of RGB images, suppressed as the model says."""
    pictures = b"".join(
        struct.pack("<II", image.shape[1], image.shape[0]) + cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).tobytes()
        for image in images
    )
    command = ["node", str(ROOT / "benchmarks/browser_boxes.mjs"), str(page), str(THRESHOLD - 0.02), "own"]
    done = subprocess.run(command, input=pictures, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return [np.array(json.loads(line), np.float32).reshape(-1, 6) for line in done.stdout.decode().splitlines()]


def lacking(rows: np.ndarray, others: np.ndarray) -> int:
    """Return how many rows above the threshold have no twin: the same class, IoU 0.9, score within 0.02."""
    shown = rows[rows[:, 4] >= THRESHOLD]
    same = shown[:, None, 5] == others[None, :, 5]
    near = np.abs(shown[:, None, 4] - others[None, :, 4]) <= 0.02
    return int((~(same & near & (iou_matrix(shown[:, :4], others[:, :4]) >= 0.9)).any(1)).sum())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_web_engine_finds_what_python_finds(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    # Nothing is suppressed: a box that half floats move over the edge of an IoU would count as another.
    card = ModelCard(SIZE, "opencv_inter_nearest", class_names(network), suppression=Suppression(iou=0.0))
    photographs = sorted((ROOT / "examples").glob("*.jpg"))[:3]
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in photographs]
    expected = [
        np.column_stack([found.xyxy, found.scores, found.class_ids])
        for found in TorchPredictor(network, card).predict(images, THRESHOLD - 0.02)
    ]
    import_module("uhd.export.web").export_web(open_network(network, card), tmp_path / "page")
    found = in_node(tmp_path / "page", images)
    assert sum((rows[:, 4] >= THRESHOLD).sum() for rows in expected) > 5
    assert [lacking(a, b) for a, b in zip(found, expected, strict=True)] == [0, 0, 0]
    assert [lacking(a, b) for a, b in zip(expected, found, strict=True)] == [0, 0, 0]
