"""The page in a real browser: the same boxes as Python, also without a network, and nothing is sent."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import uhd
from tests.web import chromium
from uhd.cli.results import CSV_COLUMNS
from uhd.detections import Detections
from uhd.runtime.recorder import VideoRecorder
from uhd.runtime.tracking.byte_track import ByteTracker, TrackingConfig
from uhd.runtime.tracking.counting import LineCounter
from uhd.runtime.web import PAGE, page_server

# The page computes in float; the ONNX file of the package in eight bits.
FLOAT = Path(uhd.__file__).parent / "weights" / "ultratinyod_lite0_64x64.safetensors"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.find() is None, reason="no Chromium: apt-get install chromium"),
]
THRESHOLD = 0.2
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Any]]:
    """A copy of the page with pictures beside it: its address, its folder, its server."""
    folder = tmp_path_factory.mktemp("page") / "page"
    shutil.copytree(PAGE, folder)
    for photograph in EXAMPLES.glob("*.jpg"):
        image = cv2.imread(str(photograph))
        # Without loss, so that browser and OpenCV decode the same bytes; of odd sizes, so that rounding matters.
        cv2.imwrite(str(folder / f"{photograph.stem}.png"), cv2.resize(image, (611, 457)))
        shutil.copyfile(photograph, folder / f"{photograph.stem}.jpg")
    server = page_server(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", folder, server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    with chromium.Page(tmp_path_factory.mktemp("profile")) as page:
        yield page


def ready(page: chromium.Page, address: str) -> None:
    page.open("about:blank")
    page.open(address)
    page.until("document.documentElement?.dataset.ready")


def in_page(page: chromium.Page, address: str, name: str) -> dict[str, Any]:
    page.open("about:blank")
    page.open(f"{address}?image={name}&json&conf={THRESHOLD}")
    found: dict[str, Any] = json.loads(page.until("document.getElementById('json')?.textContent"))
    return found


@pytest.mark.parametrize(
    "name", ["astronaut.png", "grace_hopper.png", "cameraman.png", "astronaut.jpg", "grace_hopper.jpg"]
)
def test_the_page_finds_what_python_finds(page: chromium.Page, served: tuple[str, Path, Any], name: str) -> None:
    address, folder, _ = served
    expected = uhd.load(FLOAT)(folder / name, THRESHOLD)
    found = in_page(page, address, name)
    assert (found["height"], found["width"]) == expected.image_size
    assert len(found["boxes"]) == len(expected) > 0
    boxes = np.array([box["xyxy"] for box in found["boxes"]])
    assert np.abs(boxes - expected.xyxy).max() <= 1
    assert np.abs([box["score"] for box in found["boxes"]] - expected.scores).max() < 0.02
    assert {box["name"] for box in found["boxes"]} == {"person"}


def test_the_policy_forbids_sending(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    ready(page, served[0])
    blocked = (
        "fetch('http://127.0.0.1:9/', {mode: 'no-cors', method: 'POST', body: 'x'}).then(() => 'sent', () => 'blocked')"
    )
    events = (
        "new Promise((done) => { addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective)); "
        f"{blocked}; }})"
    )
    assert page.value(events) == "connect-src"


def test_the_camera_is_detected_in_and_can_be_left(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    # Chromium's artificial camera: a green picture with a moving disc.
    ready(page, served[0])
    page.value("document.getElementById('camera').click()")
    page.until("Number(document.getElementById('latency').value) > 0")
    page.until("document.getElementById('picture').width >= 320")
    page.value("dispatchEvent(new KeyboardEvent('keydown', {key: 'x'})); document.getElementById('close').click()")
    assert page.value("document.getElementById('picture').hidden")
    assert not page.value("document.getElementById('camera').disabled")


def test_it_works_without_a_network(page: chromium.Page, served: tuple[str, Path, Any], tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder)
    server = page_server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    ready(page, address)
    page.value("navigator.serviceWorker.ready.then(() => true)")
    server.shutdown()
    server.server_close()
    found = in_page(page, address, "example.jpg")
    assert len(found["boxes"]) > 0


def test_a_dropped_file_and_the_slider(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    ready(page, served[0])
    page.value(
        "fetch('astronaut.png').then((answer) => answer.blob()).then((blob) => { const files = new DataTransfer(); "
        "files.items.add(new File([blob], 'a.png', {type: 'image/png'})); "
        "dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true})); })"
    )
    page.until("document.getElementById('count').value !== '–'")
    detector = uhd.load(FLOAT)
    for threshold in (0.2, 0.4, 0.95):
        page.value(
            f"(slider => {{ slider.value = {threshold}; slider.dispatchEvent(new Event('input')); }})"
            "(document.getElementById('threshold'))"
        )
        shown = int(page.value("document.getElementById('count').value"))
        assert shown == len(detector(served[1] / "astronaut.png", threshold))
    page.value(
        "(() => { const files = new DataTransfer(); files.items.add(new File(['no picture'], 'a.txt')); "
        "dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true})); })()"
    )
    assert "not a picture" in page.until(
        "document.getElementById('message').matches('.bad') && document.getElementById('message').textContent"
    )


def test_people_are_followed_and_counted_as_in_python(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    ready(page, served[0])
    rng = np.random.default_rng(0)
    tracker = ByteTracker(TrackingConfig(high=0.4, low=0.4 / 3))
    counter = LineCounter(np.array([[0.5, 1.0], [0.5, 0.0]]))
    start, speed = rng.uniform(100, 250, (6, 2)), rng.uniform(-4, 4, (6, 2)) * (1, 0.3)
    frames, expected = [], []
    for step in range(60):
        here = start + speed * step + rng.normal(0, 1.5, (6, 2))
        scores = rng.uniform(0.05, 0.95, 6)
        order = np.argsort(-scores)
        boxes = np.concatenate([here, here + np.array([30, 70])], axis=1).astype(np.float32)[order]
        found = Detections(boxes, scores[order].astype(np.float32), np.zeros(6, np.int64), (400, 400))
        frames.append(
            [{"xyxy": b, "score": s, "class_id": 0} for b, s in zip(boxes.tolist(), found.scores.tolist(), strict=True)]
        )
        seen = tracker.update(found.above(0.4 / 3))
        counter.update(seen)
        assert seen.track_ids is not None
        expected.append(seen.track_ids.tolist())
    assert counter.forward + counter.backward >= 2
    result = page.value(
        "import('./track.js').then(({ Tracker, LineCounter }) => { const tracker = new Tracker(0.4); "
        "const counter = new LineCounter([[0.5, 1], [0.5, 0]]); "
        f"const numbers = {json.dumps(frames)}.map((boxes) => {{ "
        "const seen = tracker.update(boxes.filter((box) => box.score >= 0.4 / 3)); counter.update(seen, 400, 400); "
        "return seen.map((box) => box.track_id); }); "
        "return { numbers, count: tracker.count, forward: counter.forward, backward: counter.backward }; })"
    )
    assert result["numbers"] == expected
    assert result["count"] == tracker.count
    assert {key: result[key] for key in ("forward", "backward")} == counter.counts()


def test_a_small_picture_fills_the_stage(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    address, folder, _ = served
    small = cv2.resize(cv2.imread(str(folder / "astronaut.png")), (80, 60))
    cv2.imwrite(str(folder / "small.png"), small)
    in_page(page, address, "small.png")
    shown, drawn, stage, window = page.value(
        "(canvas => [canvas.clientWidth, canvas.width, document.getElementById('stage').clientWidth, innerHeight])"
        "(document.getElementById('picture'))"
    )
    assert shown >= 0.95 * min(stage, 80 / 60 * 0.62 * window)
    assert shown > 4 * 80
    assert drawn >= shown  # letters are drawn at the size at which they are read


def test_what_was_found_can_be_taken_away(page: chromium.Page, served: tuple[str, Path, Any]) -> None:
    address, folder, _ = served
    in_page(page, address, "astronaut.png")
    taken = page.value(
        "(async () => { const blobs = []; URL.createObjectURL = (blob) => { blobs.push(blob); return 'blob:none'; }; "
        "HTMLAnchorElement.prototype.click = function () { blobs.push(this.download); }; "
        "document.getElementById('save-json').click(); document.getElementById('save-csv').click(); "
        "return [await blobs[0].text(), blobs[1], await blobs[2].text(), blobs[3]]; })()"
    )
    assert taken[1::2] == ["people.json", "people.csv"]
    expected = json.loads(uhd.load(FLOAT)(folder / "astronaut.png", THRESHOLD).to_json(image="astronaut.png"))
    found = json.loads(taken[0])
    assert found.keys() == expected.keys()
    assert (found["image"], found["width"]) == ("astronaut.png", expected["width"])
    for here, there in zip(found["detections"], expected["detections"], strict=True):
        assert here.keys() == there.keys()
        assert here["xyxy"] == pytest.approx(there["xyxy"], abs=1)
    rows = list(csv.DictReader(taken[2].splitlines()))
    assert [row["class_name"] for row in rows] == ["person"] * len(expected["detections"])
    assert set(rows[0]) == set(CSV_COLUMNS) - {"drawn"}


def test_a_recording_of_ours_plays_and_people_in_it_are_followed(
    page: chromium.Page, served: tuple[str, Path, Any]
) -> None:
    address, folder, _ = served
    image = cv2.cvtColor(cv2.imread(str(folder / "astronaut.png")), cv2.COLOR_BGR2RGB)
    with VideoRecorder(folder / "walk.mp4", 10) as recorder:
        for step in range(10):
            recorder.write(np.roll(image, 4 * step, axis=1))
    if recorder.remark:
        pytest.skip(recorder.remark)
    ready(page, address)
    page.value(
        "fetch('walk.mp4').then((answer) => answer.blob()).then((blob) => { const files = new DataTransfer(); "
        "files.items.add(new File([blob], 'walk.mp4', {type: 'video/mp4'})); "
        "dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true})); })"
    )
    page.until("!document.getElementById('following').hidden")
    page.value("document.getElementById('follow').click()")
    page.until("Number(document.getElementById('tracks').value) > 0")
    # A line across the picture, dragged from its middle to the right.
    page.value("document.getElementById('line').click()")
    for kind, x in (("pointerdown", 0.3), ("pointermove", 0.5), ("pointerup", 0.8)):
        page.value(
            "((canvas) => { const place = canvas.getBoundingClientRect(); canvas.dispatchEvent(new PointerEvent("
            f"'{kind}', {{clientX: place.left + {x} * place.width, clientY: place.top + 0.5 * place.height}})); }})"
            "(document.getElementById('picture'))"
        )
    page.until("document.getElementById('forward').value !== '–'")
    assert page.value("document.getElementById('line').textContent") == "Remove the line"
