"""The page in a real browser: the same boxes as Python, also without a network, and nothing is sent."""

from __future__ import annotations

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
from uhd.runtime.web import PAGE, page_server

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
    expected = uhd.load()(folder / name, THRESHOLD)
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
    detector = uhd.load()
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
