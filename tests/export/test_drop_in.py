"""Files in the forms of other programs, decoded by those programs' rules as their documentation says them.

The readers below are written from what each program does with an output of this form: its thresholds, the order of its
rows, its units. None uses this package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

import uhd
from tests.export.conftest import class_names, make_family
from uhd.card import ModelCard
from uhd.cli import main
from uhd.errors import UserError
from uhd.export.litert.config import LitertConfig
from uhd.export.litert.export import export_litert
from uhd.export.onnx.export import export_onnx
from uhd.models.predictor import TorchPredictor
from uhd.models.weights import load_model
from uhd.nms import Suppression
from uhd.read import read_image
from uhd.resize import resize_image

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "uhd/weights/ultratinyod_w32_64x64.safetensors"
SIDE = 64
LEAST = 0.2  # every program lets its user set it; at their 0.4 the photographs show one person each
Found = np.ndarray  # rows x1, y1, x2, y2 (0 to 1), score


def frigate(output: np.ndarray) -> Found:
    """Frigate's ``yolo-generic``: scores above 0.4, cv2's suppression at 0.4, boxes in pixels, at most twenty."""
    table = np.squeeze(output)
    table = table.T if table.shape[0] < table.shape[1] else table
    table = table[table[:, 4:].max(1) > LEAST]
    sized = table[:, :4] / SIDE
    corner = np.concatenate([sized[:, :2] - sized[:, 2:] / 2, sized[:, 2:]], 1)
    kept = cv2.dnn.NMSBoxes(corner.tolist(), table[:, 4:].max(1).tolist(), LEAST, 0.4)
    return np.array(
        [[*corner[k, :2], *(corner[k, :2] + corner[k, 2:]), table[k, 4:].max()] for k in list(kept)[:20]]
    ).reshape(-1, 5)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def without_duplicates(rows: list[list[float]], iou: float, most: int) -> Found:
    """Return rows x1, y1, x2, y2, score, class, best first, each with none better of its class over it."""
    kept: list[np.ndarray] = []
    for row in sorted((np.array(row) for row in rows), key=lambda row: -row[4]):
        if all(row[5] != other[5] or overlap(row, other) <= iou for other in kept):
            kept.append(row)
    return np.array([row[:5] for row in kept[:most]]).reshape(-1, 5)


def roboflow(output: np.ndarray) -> Found:
    """Roboflow inference, YOLOv8: (1, N, 4 + C) after a transposition, confidence 0.4, IoU 0.3, pixels."""
    rows = []
    for cx, cy, w, h, *classes in output.transpose(0, 2, 1)[0].tolist():
        if max(classes) > LEAST:
            box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
            rows.append([*(side / SIDE for side in box), max(classes), classes.index(max(classes))])
    return without_duplicates(rows, 0.3, 300)


def gstreamer(output: np.ndarray) -> Found:
    """GStreamer's ``yolotensordec``: [1, 4 + C, N] column by column, class confidence 0.4, IoU 0.7, pixels."""
    _, _, count = output.shape
    rows = []
    for n in range(count):
        cx, cy, w, h = (float(output[0, row, n]) for row in range(4))
        best = max(range(4, output.shape[1]), key=lambda row: output[0, row, n])
        if output[0, best, n] > LEAST:
            box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
            rows.append([*(side / SIDE for side in box), float(output[0, best, n]), best])
    return without_duplicates(rows, 0.7, 100)


def roboflow_end2end(output: np.ndarray) -> Found:
    """Roboflow inference and all readers of YOLOv10: x1, y1, x2, y2 in pixels, score, class; a threshold, no more."""
    assert output.shape[2] == 6
    rows = output[0][output[0, :, 4] > LEAST]
    return np.concatenate([rows[:, :4] / SIDE, rows[:, 4:5]], 1)


def run(path: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["output0"]
    feed = (pixels.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    return np.asarray(session.run(None, {session.get_inputs()[0].name: feed})[0])


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """What the network sees of photographs of people."""
    places = [ROOT / "examples" / f"{name}.jpg" for name in ("astronaut", "cameraman", "grace_hopper")]
    return [resize_image(read_image(path), (SIDE, SIDE), "opencv_inter_nearest") for path in places]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("drop_in")
    model, meta = load_model(WEIGHTS)
    card = ModelCard.from_checkpoint(meta)
    paths = {form: folder / f"{form}.onnx" for form in ("yolov8", "end2end")}
    for form, path in paths.items():
        export_onnx(model, path, card, form, simplify=False, verify=False)
    return paths


@pytest.mark.parametrize(
    ("reader", "form", "iou"),
    [
        (frigate, "yolov8", 0.4), (roboflow, "yolov8", 0.3), (gstreamer, "yolov8", 0.7),
        (roboflow_end2end, "end2end", None),
    ],
)  # fmt: skip
def test_other_programs_find_our_boxes(
    reader: Callable[[np.ndarray], Found],
    form: str,
    iou: float | None,
    files: dict[str, Path],
    pictures: list[np.ndarray],
) -> None:
    for pixels, ours in zip(pictures, TorchPredictor(*_shipped(iou)).predict(pictures, LEAST), strict=True):
        theirs = reader(run(files[form], pixels))
        assert len(theirs) == len(ours) > 0
        # They do not clip to the frame.
        np.testing.assert_allclose(np.clip(theirs[:, :4], 0, 1) * SIDE, ours.xyxy, atol=1e-3)
        np.testing.assert_allclose(theirs[:, 4], ours.scores, atol=1e-5)


def _shipped(iou: float | None) -> tuple:
    model, meta = load_model(WEIGHTS)
    card = ModelCard.from_checkpoint(meta)
    return model, replace(card, suppression=card.suppression.at(iou))


@pytest.mark.parametrize("form", ["yolov8", "end2end"])
def test_uhd_reads_them_too(form: str, files: dict[str, Path], pictures: list[np.ndarray]) -> None:
    found, expected = (uhd.load(path).predictor.predict(pictures, LEAST) for path in (files[form], "small"))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=1e-3)
    assert uhd.load(files[form]).spec.extra["form"] == form
    assert main(["info", str(files[form]), "--no-layers"]) == 0


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("utod_classes", "yolov8"), ("centernet_classes", "yolov8"),
        ("utod_attributes", "end2end"), ("transformer", "end2end"),
    ],
)  # fmt: skip
def test_every_architecture(name: str, form: str, tmp_path: Path) -> None:
    network = make_family(name)
    card = ModelCard(class_names=class_names(network), input_size=(64, 96))
    export_onnx(network, tmp_path / "net.onnx", card, form, simplify=False)  # compares with torch
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    output = run(tmp_path / "net.onnx", image)
    assert output.shape[1] == 4 + len(card.class_names) if form == "yolov8" else output.shape[2] == 6


def openmv(output: np.ndarray, height: int, width: int) -> Found:
    """OpenMV's ``YoloV8``: columns in shares of the input, times its size; scores above the threshold, here all."""
    table = output.reshape(output.shape[1], output.shape[2]).T
    scale = np.array([width, height, width, height])
    cx, cy, w, h = (table[:, :4] * scale).T
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, table[:, 4:].max(1)], 1)


@pytest.mark.slow
def test_openmv_finds_our_boxes(tmp_path: Path) -> None:
    from uhd.runtime.litert import open_interpreter

    network, card = make_family("utod"), ModelCard(input_size=(32, 64), suppression=Suppression(iou=0.0))
    export_litert(network, tmp_path / "net.tflite", card, LitertConfig(kinds=("float32",), form="yolov8"))
    interpreter, _ = open_interpreter(tmp_path / "net.tflite")
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None].astype(np.float32) / 255)
    interpreter.invoke()
    found = openmv(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), 32, 64)
    boxes, scores = TorchPredictor(network, card).infer(TorchPredictor(network, card).preprocess([image]))[0]
    np.testing.assert_allclose(found[:, :4], boxes * [64, 32, 64, 32], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found[:, 4], scores.max(1), atol=1e-5)
    again = uhd.load(tmp_path / "net.tflite").predictor
    np.testing.assert_allclose(again.infer(again.preprocess([image]))[0][0], boxes, rtol=1e-3, atol=1e-3)


def test_what_a_form_cannot_have() -> None:
    network, card = make_family("utod"), ModelCard()
    with pytest.raises(UserError, match="leave out --dynamic"):
        export_onnx(network, Path("never.onnx"), card, "yolov8", dynamic=True)
    with pytest.raises(UserError, match="--form end2end: a graph has no operator for wbf"):
        export_onnx(network, Path("never.onnx"), replace(card, suppression=Suppression("wbf")), "end2end")
    with pytest.raises(UserError, match="give --form yolov8"):
        export_litert(network, Path("never.tflite"), card, LitertConfig(kinds=("float32",), form="end2end"))
