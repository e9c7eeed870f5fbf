"""The messages by which Home Assistant finds a camera's sensors (https://www.home-assistant.io/integrations/mqtt)."""

from __future__ import annotations

from typing import Any

from uhd.runtime.mqtt.address import slug
from uhd.version import __version__

PREFIX = "homeassistant"


def discovery(topic: str, name: str) -> dict[str, dict[str, Any]]:
    """Return the configuration of every sensor by the topic that it is published under.

    Args:
        topic: under which people are told.
        name: of the camera, for people.
    """
    device = slug(topic)
    shared = {
        "availability_topic": f"{topic}/status",
        "device": {"identifiers": [device], "name": name, "manufacturer": "UHD", "sw_version": __version__},
    }
    sensors: dict[str, dict[str, Any]] = {
        "sensor/count": {
            "name": "People", "state_topic": f"{topic}/count", "state_class": "measurement",
            "unit_of_measurement": "people", "icon": "mdi:account-group",
            "json_attributes_topic": f"{topic}/people",
        },
        "binary_sensor/occupancy": {
            "name": "Occupancy", "state_topic": f"{topic}/occupancy", "device_class": "occupancy",
        },
        "camera/snapshot": {"name": "Snapshot", "topic": f"{topic}/snapshot"},
    }  # fmt: skip
    found = {}
    for place, settings in sensors.items():
        kind, _, what = place.partition("/")
        identity = f"{device}_{what}"
        found[f"{PREFIX}/{kind}/{device}/{what}/config"] = {**settings, **shared, "unique_id": identity}
    return found
