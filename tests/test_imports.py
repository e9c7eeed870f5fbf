"""What importing costs: configurations and NumPy rooms bring no framework, and help comes without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRAMEWORKS = ("torch", "keras", "tensorflow", "onnx", "onnxruntime")
ROOMS = (
    "objects", "sample", "detections", "boxes", "anchors", "resize", "read", "draw", "card", "config", "errors",
    "files", "heads", "nms", "data", "augment", "evaluation", "runtime",
)  # fmt: skip
OPTIONAL = {"uhd.heads.torch"}  # faces of NumPy rooms for a framework


def modules(folder: Path) -> list[str]:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in folder.rglob("*.py")]
    return sorted(name.removesuffix(".__init__") for name in names)


def brought(names: list[str]) -> dict[str, list[str]]:
    """Return the frameworks that each of the modules is the first to bring, imported one after the other."""
    code = f"""
import importlib, json, sys
found, before = {{}}, set()
for name in {names!r}:
    importlib.import_module(name)
    new = sorted(set({FRAMEWORKS!r}) & set(sys.modules) - before)
    before |= set(new)
    if new:
        found[name] = new
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(json.loads(done.stdout))


def test_configurations_bring_no_framework() -> None:
    names = [name for name in modules(ROOT / "uhd") if name.endswith("config")]
    assert len(names) > 12
    assert brought(["uhd", "uhd.models", "uhd.cli", *names]) == {}


def test_numpy_rooms_bring_no_torch() -> None:
    every = modules(ROOT / "uhd")
    names = [name for name in every if name.split(".")[1:2] and name.split(".")[1] in ROOMS]
    names = [name for name in names if not any(name.startswith(face) for face in OPTIONAL)]
    assert len(names) > 60
    found = {name: set(new) & {"torch", "keras", "tensorflow"} for name, new in brought(names).items()}
    assert {name: new for name, new in found.items() if new} == {}


@pytest.mark.parametrize("verb", ["train", "info", "export", "val", "predict", "data anchors"])
def test_help_brings_no_framework(verb: str) -> None:
    code = f"import sys; from uhd.cli import main; main({[*verb.split(), '--help']!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.startswith(f"usage: uhd {verb}")
    assert set(done.stdout.splitlines()[-1].split()) & {"torch", "keras", "onnxruntime"} == set()
