"""The Gradio demo is started and asked over HTTP: the boxes of ``uhd``, and no connection to anywhere else."""

from __future__ import annotations

import importlib.util
import re
import runpy
import socket
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import pytest

import uhd

ROOT = Path(__file__).resolve().parents[2]
PHOTOGRAPH = ROOT / "examples/astronaut.jpg"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no gradio: pip install '.[demo]'"),
]


def test_the_demo_tells_the_boxes_of_a_photograph_and_asks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio_client import Client, handle_file

    asked: set[str] = set()
    connect = socket.socket.connect

    def spy(self: socket.socket, address: Any) -> None:
        asked.add(address[0] if isinstance(address, tuple) else "")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    expected = uhd.load()(PHOTOGRAPH, 0.3)
    page = runpy.run_path(str(ROOT / "integrations/gradio/app.py"))["demo"]()
    _, address, _ = page.launch(server_name="127.0.0.1", share=False, prevent_thread_lock=True, quiet=True)
    try:
        html = urllib.request.urlopen(address).read().decode()
        drawn, told, boxes = Client(address, verbose=False).predict(
            handle_file(str(PHOTOGRAPH)), 0.3, api_name="/search"
        )
    finally:
        page.close()
    assert len(expected) > 0
    assert told == f"{len(expected)} people"
    assert [each["xyxy"] for each in boxes] == [each["xyxy"] for each in expected]
    assert cv2.imread(drawn).shape == cv2.imread(str(PHOTOGRAPH)).shape
    assert asked == {"127.0.0.1"}
    assert not re.findall(r"""<(?:script|link)[^>]*(?:src|href)=["']https?://(?!127)""", html)
