"""The commands of UHD-keras' README on 64 drawn images, and 64 drawn images learnt by heart in both frameworks."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")

import numpy as np
import onnx
import onnxruntime

from tests.drawn_figures import draw_figures
from tests.keras_detector.test_other_backends import ROOT, interpreter
from uhd.card import ModelCard
from uhd.cli import main
from uhd.keras_detector.files import open_keras_model, save_keras_model
from uhd.keras_detector.model import create_keras_model
from uhd.keras_detector.saved_model import write_saved_model
from uhd.models.ultratinyod.config import UltraTinyODConfig

NAME = "ultratinyod_res_anc8_w64_loese_64x64_lr0.0003_opencv_inter_nearest"
TRAIN = f"""-m uhd_keras.train --image-dir data/wholebody34/obj_train_data --img-size 64x64 --exp-name {NAME}
--batch-size 64 --epochs 300 --lr 0.0003 --weight-decay 0.0001 --classes 0 --cnn-width 64 --auto-anchors --num-anchors 8
--iou-loss ciou --conf-thresh 0.15 --use-ema --ema-decay 0.9999 --grad-clip-norm 10.0 --use-batchnorm --utod-residual
--use-improved-head --use-iou-aware-head --utod-head-ese --activation relu --utod-large-obj-branch
--utod-large-obj-depth 2 --utod-large-obj-ch-scale 1.25 --opencv_inter_nearest"""
DISTILL = """-m uhd_keras.train --image-dir data/wholebody34/obj_train_data --names data/wholebody34/obj.names
--teacher-ckpt path/to/teacher_weights --distill-weight 1.0 --feature-distill-weight 0.5
--ckpt-out runs/ultratinyod_student_distill"""

TO_ONNX = f"""-m tf2onnx.convert --saved-model runs/{NAME}/best_utod_0001_map_0.00000
--output model.onnx --inputs-as-nchw input_1 --outputs-as-nchw output_0 --opset 17"""
SIMPLIFY = 'model.onnx model.onnx --overwrite-input-shape "input_1:1,3,64,64"'


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    """As they stand there, but for one epoch; the placeholder of the teacher becomes the first command's file."""
    draw_figures([tmp_path / "data/wholebody34/obj_train_data"] * 64)
    (tmp_path / "data/wholebody34/obj.names").write_text("body\n")

    def run(command: str, *more: str) -> str:
        words = [sys.executable, *shlex.split(command), *more]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(TRAIN, "--epochs", "1")
    (last,) = (tmp_path / "runs" / NAME).glob("last_utod_0001_map_0.*.keras")
    teacher = tmp_path / "path/to/teacher_weights.keras"
    teacher.parent.mkdir(parents=True)
    teacher.write_bytes(last.read_bytes())
    told = run(DISTILL.replace("teacher_weights", teacher.name), "--epochs", "1")
    assert "learning from path/to/teacher_weights.keras" in told
    assert (tmp_path / "runs/ultratinyod_student_distill/last.keras").is_file()
    told = run(f"{ROOT / 'tools/inspect_checkpoint.py'} {last}")
    assert told.startswith("=== Anchors ===\n[[")
    assert "\n=== wh_scale ===\n[[" in told


@pytest.mark.slow
def test_the_onnx_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand there, in an environment with TensorFlow, tf2onnx and onnxsim; the graph is the model."""
    python = interpreter("tensorflow")
    best = tmp_path / f"runs/{NAME}/best_utod_0001_map_0.00000.keras"
    best.parent.mkdir(parents=True)
    config = UltraTinyODConfig(cnn_width=8)
    save_keras_model(create_keras_model(config), best, config, ModelCard((64, 64)))
    monkeypatch.setattr("uhd.keras_detector.saved_model.sys.executable", python)
    monkeypatch.setattr("uhd.keras_detector.saved_model.has_tensorflow", lambda: True)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write_saved_model(best, best.with_suffix(""))
    simplify = str(Path(python).with_name("onnxsim"))
    for command in ([python, *shlex.split(TO_ONNX)], [simplify, *shlex.split(SIMPLIFY)]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    graph = onnx.load(tmp_path / "model.onnx").graph
    shape = [each.dim_value for each in graph.input[0].type.tensor_type.shape.dim]
    assert (graph.input[0].name, shape, graph.output[0].name) == ("input_1", [1, 3, 64, 64], "output_0")
    image = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    (found,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"input_1": image.transpose(0, 3, 1, 2)})
    expected = open_keras_model(best)[0].predict(image, verbose=0).transpose(0, 3, 1, 2)
    assert np.abs(found - expected).max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_64_drawn_images_are_learnt_by_heart(framework: str, tmp_path: Path) -> None:
    draw_figures([tmp_path / "photos/train"] * 64)
    draw_figures([tmp_path / "photos/val"] * 64)
    flags = "--cnn-width 16 --epochs 60 --batch-size 16 --lr 0.003 --warmup-steps 20 --samples 0 --eval-interval 20"
    words = [str(tmp_path / "photos"), "--framework", framework, "--output", str(tmp_path / "runs"), *flags.split()]
    assert main(["train", *words, "--aug-config", "uhd_keras/no_aug.yaml"]) == 0
    scores = [float(each.stem.split("_map_")[1]) for each in (tmp_path / "runs/default").glob("best_utod_*.pt")]
    assert max(scores) > 0.9
