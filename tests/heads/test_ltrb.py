"""Heads without anchors: decoded as a slow reader does, taught by one cell per person or many, shipped without help."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import uhd
from tests.drawn_figures import draw_figures
from tests.export.c.conftest import STRICT
from tests.export.conftest import make_family
from uhd.assigners.targets import Targets
from uhd.cli import main
from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.detect.config import DetectConfig
from uhd.detect.network import build_network
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.errors import UserError
from uhd.export.c.predictor import CPredictor
from uhd.heads import LtrbLayout
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.losses.ltrb import LtrbLoss
from uhd.models import create_model
from uhd.models.decode_ltrb import decode_ltrb
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.models.weights import load_model
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

HEADS = [("anchor_free", 0), ("anchor_free", 8), ("one_to_one", 0)]


@pytest.mark.parametrize("reg_max", [0, 5])
def test_boxes_are_those_of_a_slow_reader(reg_max: int) -> None:
    rng, (h, w), classes = np.random.default_rng(0), (3, 4), 2
    ltrb = rng.normal(size=(2, 4 * (reg_max + 1), h, w)).astype(np.float32)
    cls = rng.normal(size=(2, classes, h, w)).astype(np.float32)
    found = LtrbLayout(reg_max).predictions((ltrb, cls))
    twin = decode_ltrb(torch.from_numpy(ltrb), reg_max).numpy()
    for image, y, x in np.ndindex(2, h, w):
        sides = []
        for side in range(4):
            values = [float(v) for v in ltrb[image, side * (reg_max + 1) : (side + 1) * (reg_max + 1), y, x]]
            total = sum(math.exp(v) for v in values)
            mean = sum(k * math.exp(v) for k, v in enumerate(values)) / total
            sides.append(mean if reg_max else math.log1p(math.exp(values[0])))
        left, top, right, bottom = sides
        wanted = [(x + 0.5 - left) / w, (y + 0.5 - top) / h, (x + 0.5 + right) / w, (y + 0.5 + bottom) / h]
        boxes, scores = found[image]
        np.testing.assert_allclose(boxes[y * w + x], wanted, atol=1e-5)
        np.testing.assert_allclose(twin[image, y * w + x], wanted, atol=1e-5)
        np.testing.assert_allclose(scores[y * w + x], 1 / (1 + np.exp(-cls[image, :, y, x])), atol=1e-6)


def people() -> Targets:
    boxes = torch.tensor([[[0.1, 0.1, 0.4, 0.6], [0.5, 0.2, 0.9, 0.9]], [[0.3, 0.3, 0.5, 0.9], [0.0, 0.0, 0.0, 0.0]]])
    return Targets(boxes, torch.tensor([[0, 2], [1, -1]]), torch.zeros(2, 0, 4))


def test_one_cell_per_person_and_many_are_taught() -> None:
    torch.manual_seed(0)
    network = create_model("ultratinyod", cnn_width=4, head="one_to_one", reg_max=4, num_classes=3)
    raw = network.train()(torch.rand(2, 3, 64, 64))
    assert [each.shape[1] for each in raw] == [20, 3, 20, 3]
    loss = build_objective(network, LossConfig())
    total, parts = loss(raw, people())
    total.backward()
    assert isinstance(loss, LtrbLoss)
    assert float(loss._branch(raw[0], raw[1], people(), loss.one)["positives"]) == 3
    assert float(parts["positives"]) > 6
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert len(network.eval()(torch.rand(1, 3, 64, 64))) == 2
    assert not network.repeats


def test_a_perfect_answer_costs_little() -> None:
    """The distances of a box whose centre is that of a cell, and its score, against any others."""
    layout, size = LtrbLayout(reg_max=8), 4
    targets = Targets(torch.tensor([[[0.125, 0.125, 0.625, 0.625]]]), torch.zeros(1, 1).long(), torch.zeros(1, 0, 4))
    ltrb, cls = torch.zeros(1, 36, size, size), torch.full((1, 1, size, size), -12.0)
    ltrb.view(1, 4, 9, size, size)[:, :, 1, 1, 1] = 40.0  # one cell to each side: 1.5 cells is half of the box
    perfect = ltrb.clone()
    cls[0, 0, 1, 1] = 12
    loss = LtrbLoss(LossConfig(), LtrbLayout(reg_max=8, one_to_one=True))
    assert layout.kind == "ltrb"
    off, _ = loss((ltrb, cls), Targets(targets.boxes + 0.1, targets.labels, targets.ignore))
    box = torch.tensor([[[0.125, 0.125, 0.625, 0.625]]])
    assert float(decode_ltrb(perfect, 8)[0, 5].sub(box[0, 0]).abs().max()) == 0
    exact, parts = loss((perfect, cls), targets)
    assert float(parts["box"]) < 1e-3
    assert float(exact) < 0.1 < float(off)


def test_what_does_not_go_together() -> None:
    with pytest.raises(UserError, match="--multi-label-mode needs anchors"):
        create_model("ultratinyod", head="anchor_free", multi_label_mode="single")
    with pytest.raises(UserError, match="leave out --disable-cls"):
        create_model("ultratinyod", head="one_to_one", disable_cls=True)
    for wrong, said in (
        ({"anchor_assigner": "atss"}, "needs anchors"),
        ({"objective": "original"}, "for anchor heads"),
    ):
        with pytest.raises(UserError, match=said):
            build_objective(make_family("utod_anchor_free"), LossConfig(**wrong))


def test_trained_by_a_command_and_written(tmp_path: Path) -> None:
    """The card says that nothing is to be suppressed, in the checkpoint and in whatever is written of it."""
    draw_figures([tmp_path / "train"] * 32 + [tmp_path / "val"] * 8)
    run = ["train", str(tmp_path), "--head", "one_to_one", "--cnn-width", "4", "--epochs", "1", "--num-workers", "0"]
    assert main([*run, "--output", str(tmp_path / "runs"), "--exp-name", "a"]) == 0
    weights = next((tmp_path / "runs/a").glob("best*.safetensors"))
    network, _ = load_model(weights)
    assert network.kind == "ltrb"
    assert uhd.load(weights).spec.suppression.iou == 0
    for form in ("merged", "end2end"):
        path = tmp_path / f"{form}.onnx"
        assert main(["export", str(weights), "--form", form, "--output", str(path), "--no-simplify"]) == 0
        assert b"NonMaxSuppression" not in path.read_bytes()
        assert uhd.load(path).spec.suppression.iou == 0
    assert main(["export", str(weights), "--format", "c", "--output", str(tmp_path / "net.c")]) == 0
    assert CPredictor(tmp_path / "net.c", flags=STRICT).spec.suppression.iou == 0


@pytest.mark.slow
@pytest.mark.parametrize(("head", "reg_max"), HEADS)
def test_32_drawn_images(head: str, reg_max: int, tmp_path: Path) -> None:
    draw_figures([tmp_path / "train"] * 32 + [tmp_path / "val"] * 8)
    data, detect = DataConfig(image_dir=tmp_path), DetectConfig()
    opened = open_data(data)
    dataset = read_dataset(opened.train, data, opened.report, False)
    train = TrainConfig(epochs=56, batch_size=8, lr=0.003, warmup_steps=20)
    torch.manual_seed(0)
    config = UltraTinyODConfig(cnn_width=16, head=head, reg_max=reg_max)
    model = build_network(Settings(train, detect, data, config), opened, dataset)
    task = DetectTask(model, data, LossConfig(), dataset, opened.names, 0.3)
    loader = Loader(dataset, None, data.img_size, data.resize_mode, train.batch_size, 0, prefetch=False)
    trainer = Trainer(task, loader, train, tmp_path / "run", torch.device("cpu"))
    model.train()
    for epoch in range(train.epochs):
        for batch in loader.epoch(epoch):
            trainer.step(batch)
    assert task.evaluate(trainer.model)["AP50"] > 0.9
