"""Every architecture learns 64 drawn images by heart; ``benchmarks/overfit.py`` does the same with photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.drawn_figures import draw_figures
from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import OpenedData, open_data, read_dataset
from uhd.detect.config import DetectConfig
from uhd.detect.network import build_network
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models import ARCHITECTURES
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

torch.set_num_threads(1)
TINY = {"d_model": 16, "heads": 2, "layers": 2, "dim_feedforward": 32, "num_queries": 4}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> OpenedData:
    """64 images of one or two bright figures on a dark ground."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_figures([folder / "train"] * 64 + [folder / "val"] * 4, 32)
    return open_data(DataConfig(image_dir=folder))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "options", "size", "epochs"),
    [
        ("cnn", {"cnn_width": 16, "output_stride": 4}, 32, 60),
        ("cnn", {"cnn_width": 16, "output_stride": 8, "use_anchor": True}, 32, 60),
        ("transformer", TINY, 16, 80),
    ],
    ids=["centernet", "anchors", "detr"],
)
def test_64_drawn_images(
    arch: str, options: dict[str, Any], size: int, epochs: int, drawn: OpenedData, tmp_path: Path
) -> None:
    data = DataConfig(img_size=(size, size))
    dataset = read_dataset(drawn.train, data, drawn.report, False)
    assert len(dataset) == 64
    train = TrainConfig(epochs=epochs, warmup_steps=50, eval_interval=epochs, keep=1, tensorboard=False)
    torch.manual_seed(0)
    settings = Settings(train, DetectConfig(arch=arch), data, ARCHITECTURES[arch].config(**options))
    model = build_network(settings, drawn, dataset)
    task = DetectTask(model, data, LossConfig(), dataset, drawn.names, 0.3)
    loader = Loader(dataset, None, data.img_size, data.resize_mode, train.batch_size, 0)
    metrics = Trainer(task, loader, train, tmp_path, torch.device("cpu")).fit()
    assert metrics["AP50"] > 0.8
