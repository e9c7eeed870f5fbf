"""Tells an MQTT broker who is in a video, without ever holding the video up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.errors import UserError, install_hint
from uhd.runtime.mqtt.address import MqttAddress
from uhd.runtime.mqtt.discovery import discovery

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_PATIENCE = 2.0  # seconds for the last messages


@dataclass(frozen=True, eq=False)
class _News:
    found: Detections
    picture: Callable[[], NDArray[np.uint8]]
    more: dict[str, Any]


class MqttPublisher:
    """Publishes count and occupancy when they change, boxes as JSON, and a snapshot when the count changes.

    Frames are handed to a thread that takes the newest: while the broker is slow or away frames are left out, and
    nobody waits. A lost connection is made again, after 1 to 30 seconds; then everything is told anew.

    Topics under ``address.topic``: ``status`` (``online``, ``offline``, which is also the last will), ``count``,
    ``occupancy`` (``ON``, ``OFF``), ``people`` (JSON), ``snapshot`` (JPEG).

    Args:
        address: of the broker.
        name: of the camera, for people.
        pause: least seconds between two messages of boxes, and half of that between two snapshots.

    Raises:
        UserError: paho-mqtt is not installed.
    """

    def __init__(self, address: MqttAddress, name: str, pause: float = 0.2) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UserError(f"--mqtt needs paho-mqtt: {install_hint('mqtt')}") from None
        self.address, self.name, self.pause = address, name, pause
        self.problem = ""
        self._told_count: int | None = None
        self._told_people = self._told_snapshot = -np.inf
        self._snapshot_due = True
        self._flying: MQTTMessageInfo | None = None
        self._news: _News | None = None
        self._open, self._anew = True, False
        self._changed = threading.Condition()
        client = self._client = Client(CallbackAPIVersion.VERSION2)
        if address.user:
            client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set()
        client.will_set(f"{address.topic}/status", "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, 30)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.connect_async(address.host, address.port, keepalive=30)
        client.loop_start()
        self._thread = threading.Thread(target=self._work, daemon=True, name="mqtt")
        self._thread.start()

    def tell(self, found: Detections, picture: Callable[[], NDArray[np.uint8]], **more: Any) -> None:
        """Hand over what a frame shows; returns at once.

        Args:
            found: who is there.
            picture: makes the RGB picture (H, W, 3) of a snapshot; called in another thread, when one is due.
            more: fields of the JSON message.
        """
        with self._changed:
            self._news = _News(found, picture, more)
            self._changed.notify()

    def close(self) -> None:
        """Tell the newest frame, say goodbye and disconnect."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join(2 * _PATIENCE)
        if self._client.is_connected():
            info = self._client.publish(f"{self.address.topic}/status", "offline", qos=1, retain=True)
            info.wait_for_publish(_PATIENCE)
            self._client.disconnect()
        elif not self.problem:
            self.problem = f"{self.address!r}: could not be reached; nobody was told anything"
        self._client.loop_stop()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news is not None or not self._open)
                news, self._news = self._news, None
            if news is None:
                return
            if self._client.is_connected():
                self._publish(news)

    def _publish(self, news: _News) -> None:
        if self._flying is not None and not self._flying.is_published():
            return  # the broker is slow; a newer frame will come
        now, count, topic = time.monotonic(), len(news.found), self.address.topic
        if self._anew:
            self._anew, self._told_count = False, None
        changed = count != self._told_count
        if changed:
            self._send("count", str(count))
            self._send("occupancy", "ON" if count else "OFF")
            self._told_count, self._snapshot_due = count, True
        if changed or now - self._told_people >= self.pause:
            self._told_people = now
            message = news.found.to_json(count=count, **news.more)
            self._flying = self._client.publish(f"{topic}/people", message)
        if self._snapshot_due and now - self._told_snapshot >= self.pause / 2:
            self._told_snapshot, self._snapshot_due = now, False
            ok, data = cv2.imencode(".jpg", cv2.cvtColor(news.picture(), cv2.COLOR_RGB2BGR))
            if ok:
                self._flying = self._client.publish(f"{topic}/snapshot", data.tobytes(), retain=True)

    def _send(self, what: str, value: str) -> None:
        self._client.publish(f"{self.address.topic}/{what}", value, retain=True)

    def _on_connect(
        self, client: Client, _user: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self.problem = f"{self.address!r}: the broker refuses: {reason}"
            return
        self.problem = ""
        for topic, settings in discovery(self.address.topic, self.name).items():
            client.publish(topic, json.dumps(settings), qos=1, retain=True)
        client.publish(f"{self.address.topic}/status", "online", qos=1, retain=True)
        self._flying, self._anew = None, True

    def _on_disconnect(
        self, _client: Client, _user: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._open and not self.problem:
            self.problem = f"{self.address!r}: the connection was lost ({reason})"
