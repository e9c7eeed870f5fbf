"""Programs of other people read our files, each in the version that its users have.

``pytest -m slow tests/clients`` installs each of them in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import FORMS, largest_difference, run_program

EVERYTHING = frozenset(FORMS)
WITHOUT_NMS = EVERYTHING - {"nms"}
MATRIX = [
    ("opencv-python-headless==4.11.0.86", "opencv", WITHOUT_NMS),
    ("opencv-python-headless==4.12.0.88", "opencv", WITHOUT_NMS),
    ("opencv-python-headless==4.13.0.92", "opencv", WITHOUT_NMS),
    ("opencv-python-headless==5.0.0.93", "opencv", EVERYTHING),
    ("openvino openvino-telemetry", "open_vino", EVERYTHING),
    ("ncnn pnnx", "ncnn_pnnx", frozenset({"raw", "parts"})),
]


@pytest.mark.slow
@pytest.mark.parametrize(("packages", "program", "forms"), MATRIX, ids=[row[0].split()[0] for row in MATRIX])
def test_it_finds_what_onnxruntime_finds(
    packages: str, program: str, forms: frozenset[str], client: Callable[[str], Path], shipped: Path
) -> None:
    for old in shipped.glob("*.found.npz"):
        old.unlink()
    said = run_program(client(packages), program, shipped)
    assert set(FORMS) - set(said["refused"]) == forms, said
    for form in forms:
        assert largest_difference(shipped, form) < 1e-4, (said["version"], form)
