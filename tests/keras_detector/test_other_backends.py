"""TensorFlow and JAX give torch's numbers, and ``fit`` trains on them, each in an interpreter that has it.

An interpreter is named by ``UHD_TENSORFLOW`` or ``UHD_JAX``; without, this one is taken where it has the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")

from tests.drawn_figures import draw_figures
from tests.keras_detector.other_backend import CONFIG, SIZE
from tests.keras_detector.test_parity import CONFIGURATIONS, state_of, used
from uhd.card import ModelCard
from uhd.cli import main
from uhd.keras_detector.convert import assign_state_dict
from uhd.keras_detector.files import save_keras_model
from uhd.keras_detector.model import create_keras_model
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.network import UltraTinyOD

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def interpreter(backend: str) -> str:
    """Return the Python that has a backend; skips the test where there is none."""
    variable = f"UHD_{backend.upper()}"
    if variable not in os.environ and find_spec(backend) is None:
        pytest.skip(f"{backend} is not here: {variable}=path/to/python names an interpreter that has it")
    return os.environ.get(variable, sys.executable)


def run(backend: str, folder: Path) -> None:
    python = sys.executable if backend == "torch" else interpreter(backend)
    words = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [python, "-m", "tests.keras_detector.other_backend", str(folder)]
    done = subprocess.run(command, env=words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def write(folder: Path, name: str, config: UltraTinyODConfig, size: tuple[int, int], network: UltraTinyOD) -> None:
    model = create_keras_model(config, size)
    assign_state_dict(model, state_of(network))
    save_keras_model(model, folder / f"{name}.keras", config, ModelCard(size))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine models with random weights and images for them; what torch makes of them."""
    folder, images, expected = tmp_path_factory.mktemp("backends"), {}, {}
    for i, (config, size) in enumerate(CONFIGURATIONS.values()):
        network = used(config)
        write(folder, f"m{i}", config, size, network)
        images[f"m{i}"] = np.random.default_rng(i).random((2, *size, config.in_channels), np.float32)
        with torch.inference_mode():
            raw = network(torch.from_numpy(images[f"m{i}"].transpose(0, 3, 1, 2)))
        expected[f"m{i}"] = raw.permute(0, 2, 3, 1).numpy()
    torch.manual_seed(0)
    write(folder, "step", CONFIG, SIZE, UltraTinyOD(CONFIG))
    np.savez(folder / "images.npz", **images)
    np.savez(folder / "network.npz", **expected)
    run("torch", folder)
    return folder


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_a_file_opens_where_this_package_is_not_imported(folder: Path, backend: str) -> None:
    python = sys.executable if backend == "torch" else interpreter(backend)
    program = (
        "import sys, keras; model = keras.saving.load_model(sys.argv[1]); "
        "assert model.input_shape == (None, 64, 64, 3); assert 'uhd' not in sys.modules"
    )
    words = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"KERAS_BACKEND": backend}
    command = [python, "-c", program, str(folder / "m0.keras")]
    done = subprocess.run(command, env=words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def found(request: pytest.FixtureRequest, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What a backend wrote."""
    interpreter(request.param)
    run(request.param, folder)
    return dict(np.load(folder / f"{request.param}.npz")), json.loads((folder / f"{request.param}.json").read_text())


def test_raw_maps_and_a_step_are_those_of_torch(found: Any, folder: Path) -> None:
    theirs, expected = dict(np.load(folder / "torch.npz")), dict(np.load(folder / "network.npz"))
    assert found[0].keys() == theirs.keys()
    for name, right in expected.items():
        error = np.abs(found[0][f"raw/{name}"] - right).max()
        assert error <= 1e-5 * max(1.0, float(np.abs(right).max())), name
    assert found[0]["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    changes = [name for name in theirs if name.startswith("change/")]
    for name in changes:
        change, right = found[0][name].astype(np.float64), theirs[name].astype(np.float64)
        # A difference of two float32 weights is known to half a unit in their last place.
        assert np.linalg.norm(change - right) <= 1e-3 * np.linalg.norm(right) + 2e-7 * np.sqrt(right.size), name
    assert sum(bool(theirs[name].any()) for name in changes) > 0.7 * len(changes)


def test_three_epochs_of_fit_lower_the_loss_and_are_taken_up_exactly(found: Any) -> None:
    fit = found[1]["fit"]
    assert fit["losses"][0] > fit["losses"][1] > fit["losses"][2]
    assert fit["resumed"] == 0


def test_the_loss_is_float32_in_half_precision(found: Any) -> None:
    mixed = found[1]["mixed"]
    assert (mixed["raw"], mixed["loss"]) == ("float16", "float32")
    assert mixed["half"] == pytest.approx(mixed["single"], rel=1e-2)
    assert mixed["losses"][-1] < mixed["losses"][0]


def test_xla_and_the_saved_model_of_keras_itself(found: Any) -> None:
    if "xla" not in found[1]:
        pytest.skip("JAX is always compiled by XLA, and writes no SavedModel without TensorFlow")
    assert found[1]["xla"]["True"] == pytest.approx(found[1]["xla"]["False"], rel=1e-4)
    assert found[1]["exported"] <= 1e-5


def test_a_run_writes_saved_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the best, beside its ``.keras``, under the name of the original."""
    python = interpreter("tensorflow")
    monkeypatch.setattr("uhd.keras_detector.run_files.has_tensorflow", lambda: True)
    monkeypatch.setattr("uhd.keras_detector.saved_model.has_tensorflow", lambda: True)
    monkeypatch.setattr("uhd.keras_detector.saved_model.sys.executable", python)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    draw_figures([tmp_path / "photos/train"] * 8 + [tmp_path / "photos/val"] * 4)
    flags = "--framework keras --cnn-width 4 --num-anchors 2 --img-size 32x32 --epochs 1 --batch-size 4 --samples 0"
    assert main(["train", str(tmp_path / "photos"), "--output", str(tmp_path), *flags.split()]) == 0
    (best,) = (tmp_path / "default").glob("best_utod_0001_map_0.*.keras")
    assert (best.with_suffix("") / "saved_model.pb").is_file()
