"""Scripts of the integrations run, and their settings are those of the files that are exported."""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from tests.export.conftest import make_model
from uhd.cli import main
from uhd.models.weights import describe, save_weights

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "integrations"


@pytest.mark.slow
def test_frigate_is_told_the_shape_of_the_file(tmp_path: Path) -> None:
    import onnxruntime

    model = make_model()
    source, written = tmp_path / "m.safetensors", tmp_path / "person.onnx"
    save_weights(source, model.state_dict(), describe(model, img_size="64x64", class_names=["person"]))
    assert main(["export", str(source), str(written), "--form", "yolov8"]) == 0
    session = onnxruntime.InferenceSession(str(written))
    page = (FOLDER / "frigate/README.md").read_text()
    said = yaml.safe_load(page.split("```yaml")[1].split("```")[0])["model"]
    (into,), (out,) = session.get_inputs(), session.get_outputs()
    assert into.shape[1:] == [3, said["height"], said["width"]]
    assert (said["input_tensor"], said["input_dtype"], into.type) == ("nchw", "float", "tensor(float)")
    labels = (FOLDER / "frigate/labels.txt").read_text().splitlines()
    assert out.shape[1] == 4 + len(labels)
    assert labels == ["0  person"]


def test_the_script_of_the_raspberry_pi_with_a_stand_in_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = cv2.resize(cv2.cvtColor(cv2.imread(str(ROOT / "examples/astronaut.jpg")), cv2.COLOR_BGR2RGB), (640, 480))

    class Picamera2:
        def __enter__(self) -> Picamera2:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
            return main

        def configure(self, settings: dict[str, Any]) -> None:
            assert settings == {"size": (640, 480), "format": "BGR888"}

        def start(self) -> None:
            pass

        def capture_array(self) -> np.ndarray:
            return image

    module = types.ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(sys, "argv", ["camera.py", "--frames", "3"])
    runpy.run_path(str(FOLDER / "raspberry-pi/camera.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith("1 people")
