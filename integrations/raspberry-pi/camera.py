"""People before a camera module of a Raspberry Pi:  python camera.py [--mqtt mqtt://broker/topic] [--model FILE]"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import uhd
from uhd.draw import draw
from uhd.runtime.mqtt.address import parse_address
from uhd.runtime.mqtt.publisher import MqttPublisher
from uhd.runtime.tracking.byte_track import ByteTracker, TrackingConfig


def frames(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Yield RGB frames until Ctrl-C."""
    from picamera2 import Picamera2

    with Picamera2() as camera:
        # What picamera2 calls BGR888 lies in memory as R, G, B.
        camera.configure(camera.create_video_configuration(main={"size": (width, height), "format": "BGR888"}))
        camera.start()
        while True:
            yield camera.capture_array()


def main() -> None:
    """Track people until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mqtt", help="mqtt://user:password@broker/topic")
    parser.add_argument("--model", help="file of a model (default: the one in the package)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, help="stop after so many")
    arguments = parser.parse_args()
    detector = uhd.load(arguments.model)
    high = detector.spec.conf_thresh
    tracker = ByteTracker(TrackingConfig(high, high / 3))
    address = parse_address(arguments.mqtt, "camera") if arguments.mqtt else None
    publisher = MqttPublisher(address, "Camera") if address else None
    count, before = -1, time.monotonic()
    try:
        for index, frame in enumerate(frames(*arguments.size), 1):
            now = time.monotonic()
            found = tracker.update(detector(frame, high / 3), max(1e-3, min(60.0, 30 * (now - before))))
            before = now
            if publisher is not None:
                publisher.tell(found, lambda frame=frame, found=found: draw(frame, found))
            if len(found) != count:
                count = len(found)
                print(f"{count} people", flush=True)
            if index == arguments.frames:
                break
    finally:
        if publisher is not None:
            publisher.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
