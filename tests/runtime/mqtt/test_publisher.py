"""A real broker is told who is there; a broker that is away, comes back or refuses holds nobody up."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.mqtt.address import MqttAddress, parse_address
from uhd.runtime.mqtt.discovery import discovery

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PATIENCE = 10.0


def people(count: int) -> Detections:
    boxes = np.array([[10 * i, 0, 10 * i + 8, 20] for i in range(count)], np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int64), (40, 60))


def picture() -> np.ndarray:
    return np.zeros((40, 60, 3), np.uint8)


class Broker:
    """Mosquitto on a free port, and a listener to all that is published."""

    def __init__(self, folder: Path) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        self.config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.heard: list[tuple[str, bytes]] = []
        self.news = threading.Condition()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#")
        self.client.on_message = lambda _client, _user, message: self.hear(message.topic, message.payload)
        self.client.reconnect_delay_set(1, 1)

    def start(self) -> None:
        assert MOSQUITTO is not None
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stderr=subprocess.DEVNULL)

    def listen(self) -> None:
        self.client.connect_async("127.0.0.1", self.port)
        self.client.loop_start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def hear(self, topic: str, payload: bytes) -> None:
        with self.news:
            self.heard.append((topic, payload))
            self.news.notify()

    def wait(self, topic: str, payload: bytes | None = None) -> bytes:
        """Return the message, once it was heard."""
        hits: list[bytes] = []
        with self.news:
            assert self.news.wait_for(lambda: hits.extend(
                said for at, said in self.heard if at == topic and payload in (None, said)
            ) or hits, PATIENCE), f"{topic}: {self.heard}"  # fmt: skip
        return hits[-1]

    def forget(self) -> None:
        with self.news:
            self.heard.clear()

    def address(self) -> MqttAddress:
        return parse_address(f"mqtt://127.0.0.1:{self.port}/hall", "camera 0")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    pytest.importorskip("paho.mqtt", reason="paho-mqtt comes with the extra mqtt")
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    broker = Broker(tmp_path)
    yield broker
    broker.client.loop_stop()
    broker.stop()


def test_all_is_told_and_told_anew_after_the_broker_was_away(broker: Broker) -> None:
    from uhd.runtime.mqtt.publisher import MqttPublisher

    # Nobody listens yet: handing frames over takes no time.
    publisher = MqttPublisher(broker.address(), "Hall", pause=0.01)
    publisher._client.reconnect_delay_set(1, 1)
    began = time.perf_counter()
    for _ in range(1000):
        publisher.tell(people(1), picture)
    assert time.perf_counter() - began < 0.5
    broker.start()
    broker.listen()
    broker.wait("hall/status", b"online")
    until(broker, publisher, 2, "hall/count", b"2")
    assert json.loads(broker.wait("hall/people"))["count"] == 2
    assert broker.wait("hall/occupancy", b"ON")
    assert broker.wait("hall/snapshot")[:2] == b"\xff\xd8"
    for topic, settings in discovery("hall", "Hall").items():
        assert json.loads(broker.wait(topic)) == settings
    broker.stop()
    broker.forget()
    broker.start()
    until(broker, publisher, 2, "hall/count", b"2")
    until(broker, publisher, 0, "hall/occupancy", b"OFF")
    broker.forget()
    publisher.close()
    broker.wait("hall/status", b"offline")


def until(broker: Broker, publisher: object, count: int, topic: str, payload: bytes) -> None:
    """Hand frames over until a message is heard."""
    stop = threading.Event()

    def film() -> None:
        while not stop.wait(0.02):
            publisher.tell(people(count), picture)  # type: ignore[attr-defined]

    thread = threading.Thread(target=film)
    thread.start()
    try:
        broker.wait(topic, payload)
    finally:
        stop.set()
        thread.join()


def test_the_last_will_is_told_when_the_connection_breaks(broker: Broker) -> None:
    from uhd.runtime.mqtt.publisher import MqttPublisher

    broker.start()
    broker.listen()
    publisher = MqttPublisher(broker.address(), "Hall")
    broker.wait("hall/status", b"online")
    broker.forget()
    link = publisher._client.socket()
    assert link is not None
    link.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    broker.wait("hall/status", b"offline")
    publisher.close()


def test_the_command_line_tells_the_broker(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    from uhd.cli import main, predict_config

    monkeypatch.chdir(tmp_path)
    writer = cv2.VideoWriter("walk.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    broker.start()
    broker.listen()

    def slow(*_: object) -> Detections:
        broker.wait("uhd/walk_avi/status", b"online")
        return people(3)

    monkeypatch.setattr(predict_config, "detect", slow)
    assert main(["predict", "walk.avi", "--no-draw", "--mqtt", f"mqtt://127.0.0.1:{broker.port}"]) == 0
    assert broker.wait("uhd/walk_avi/count") == b"3"
    assert json.loads(broker.wait("uhd/walk_avi/people"))["detections"][0]["class_name"] == "person"
    broker.wait("uhd/walk_avi/status", b"offline")


def test_addresses() -> None:
    address = parse_address("mqtts://me:p%40ss@house.local/garden/gate", "x")
    assert address == MqttAddress("house.local", 8883, True, "me", "p@ss", "garden/gate")
    assert "p@ss" not in repr(address)
    assert parse_address("mqtt://host", "Camera 0").topic == "uhd/camera_0"


@pytest.mark.parametrize("wrong", ["host", "http://host", "mqtt://", "mqtt://host:none", "mqtt://host/a/#"])
def test_addresses_that_are_none(wrong: str) -> None:
    with pytest.raises(UserError, match="--mqtt"):
        parse_address(wrong, "x")
