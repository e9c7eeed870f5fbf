"""A whole step on tensors without values: whatever asks for one, as a wait for a GPU would, raises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.drawn_figures import draw_figures
from uhd.data.batch import Batch, collate
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.open import open_data, read_dataset
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.sample import Sample
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.step import Stepper


def batch() -> Batch:
    rng = np.random.default_rng(0)
    boxes = [np.array(rows, np.float32).reshape(-1, 4) for rows in ([], [[0.1, 0.2, 0.5, 0.9], [0.4, 0.3, 0.8, 0.7]])]
    images = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
    ignore = np.array([[0.6, 0.0, 1.0, 0.3]], np.float32)
    return collate([Sample(images[i], boxes[i], np.zeros(len(boxes[i]), np.int64), ignore) for i in range(2)], None)


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    draw_figures([folder / "train"] * 2 + [folder / "val"])
    data = DataConfig(image_dir=folder)
    opened = open_data(data)
    return read_dataset(opened.val, data, opened.report, False)


@pytest.mark.parametrize(
    ("assigner", "objective"),
    [
        ("tal", "aligned"),
        pytest.param("tal-paper", "aligned", marks=pytest.mark.slow),
        pytest.param("simota", "aligned", marks=pytest.mark.slow),
        pytest.param("atss", "aligned", marks=pytest.mark.slow),
        pytest.param("max-iou", "aligned", marks=pytest.mark.slow),
        ("legacy", "original"),
        ("simota", "original"),
    ],
)
def test_no_step_reads_a_value_of_the_device(assigner: str, objective: str, val: Dataset) -> None:
    data = DataConfig(img_size=(32, 32))
    config = LossConfig(anchor_assigner=assigner, objective=objective)
    task = DetectTask(UltraTinyOD(UltraTinyODConfig(cnn_width=8)), data, config, val, ("person",), 0.3)
    task.model.to("meta")
    # As on a GPU: a step that is left out is undone behind the optimiser, by a flag that nobody reads here.
    stepper = Stepper(task, TrainConfig(optimizer="muon"), torch.device("cuda"), Processes())
    for _ in range(2):  # the optimiser's state appears with the first
        _, flag = stepper.take(batch(), 0.001)
        assert isinstance(flag, torch.Tensor)
        assert flag.is_meta


def test_reading_one_would_be_noticed() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        bool(torch.ones((), device="meta") > 0)
