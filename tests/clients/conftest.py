"""Other people's programs: where each is installed, what it is given, and what it should find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from uhd.export.onnx.export import export_onnx
from uhd.model_file import model_file
from uhd.models.predictor import spec_of
from uhd.models.weights import load_model
from uhd.read import read_image
from uhd.resize import resize_image, to_network
from uhd.runtime.onnx import open_session
from uhd.runtime.outputs import ROWS

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
FORMS: dict[str, dict[str, Any]] = {
    "merged": {},
    "dynamic_batch": {"batch": None},
    "nms": {"form": "nms"},
    "raw": {"form": "raw"},
    "parts": {"form": "parts"},
    "primitive": {"form": "primitive"},
    "half": {"half_weights": True},
}
Run = Callable[[str, Path], dict[str, Any]]


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model in the package in every form, ``images.npy`` (n, 3, 64, 64) and the right answers."""
    folder = tmp_path_factory.mktemp("files")
    network, meta = load_model(model_file("small", (".safetensors",)))
    for name, options in FORMS.items():
        export_onnx(network, folder / f"{name}.onnx", spec_of(meta), verify=False, **options)
    photos = [read_image(path) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    mode = "opencv_inter_nearest"
    images = to_network(np.stack([resize_image(photo, (64, 64), mode) for photo in photos]), mode)
    np.save(folder / "images.npy", images)
    return folder


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the interpreter that has some packages, in an environment of its own.

    ``UHD_CLIENTS`` may name a folder that keeps the environments from one run to the next.
    """
    kept = os.environ.get("UHD_CLIENTS")
    base = Path(kept) if kept else tmp_path_factory.mktemp("clients")

    def interpreter(packages: str) -> Path:
        place = base / packages.replace(" ", "+")
        python = place / "bin" / "python"
        if not (place / "complete").is_file():
            venv.create(place, with_pip=True, clear=True)
            # What these programs need is numpy and what is named; pnnx would bring a whole framework along.
            install = [python, "-m", "pip", "install", "-q", "--no-deps", *packages.split(), "numpy", "portalocker"]
            done = subprocess.run(install, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"{packages} cannot be installed here: {done.stderr.strip()[-200:]}")
            (place / "complete").touch()
        return python

    return interpreter


def run_program(python: Path | str, name: str, folder: Path) -> dict[str, Any]:
    """Run a program on a folder; returns its version and what it refused."""
    done = subprocess.run([python, PROGRAMS / f"{name}.py", folder], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


def largest_difference(folder: Path, form: str) -> float:
    """Return how far a program is from onnxruntime; rows are compared by content, since ties have no order."""
    session = open_session(folder / f"{form}.onnx")
    names = [output.name for output in session.get_outputs() if output.name not in ("anchors", "wh_scale")]
    worst = 0.0
    with np.load(folder / f"{form}.found.npz") as found:
        for i, image in enumerate(np.load(folder / "images.npy")):
            for name, right in zip(names, session.run(names, {session.get_inputs()[0].name: image[None]}), strict=True):
                answer = found[f"{name}.{i}"].reshape(right.shape)
                worst = max(worst, _rows_apart(answer, right) if name == ROWS else float(np.abs(answer - right).max()))
    return worst


def _rows_apart(found: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    # Which of the suppressed boxes fill the rows behind the others is left to the program.
    found, right = (rows[0][rows[0, :, 0] > 0] for rows in (found, right))
    assert len(found) == len(right)
    apart = np.abs(found[:, None] - right[None]).max(2)
    # The last row may be another of the same score.
    return float(max(apart.min(0)[:-1].max(), apart.min(1)[:-1].max()))


def this_python() -> str:
    """Return the interpreter of the tests themselves."""
    return sys.executable
