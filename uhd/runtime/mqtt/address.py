"""Where the MQTT broker is, and under which topic people are told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from uhd.errors import UserError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class MqttAddress:
    """A broker and a topic.

    Attributes:
        host, port: of the broker.
        tls: whether the connection is encrypted.
        user, password: empty without.
        topic: under which messages are published.
    """

    host: str
    port: int
    tls: bool
    user: str
    password: str
    topic: str

    def __repr__(self) -> str:
        return f"mqtt{'s' * self.tls}://{self.host}:{self.port}/{self.topic}"


def parse_address(text: str, source: str) -> MqttAddress:
    """Read ``mqtt[s]://[user:password@]host[:port][/topic]``; without a topic it is ``uhd/`` and the source's name.

    Args:
        text: the address.
        source: name of the video or camera.

    Raises:
        UserError: it is none.
    """
    shape = "mqtt://user:password@host:1883/topic"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UserError(f"--mqtt: the port or the host is none; an address is {shape}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UserError(f"--mqtt: not an address of a broker; it is {shape}")
    topic = unquote(parts.path).strip("/") or f"uhd/{slug(source)}"
    if "#" in text or "?" in text or any(sign in topic for sign in "+#?\0"):
        raise UserError("--mqtt: a topic is without +, # and ?")
    return MqttAddress(
        parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts",
        unquote(parts.username or ""), unquote(parts.password or ""), topic,
    )  # fmt: skip


def slug(name: str) -> str:
    """Return a name of small letters, digits and ``_``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "video"
