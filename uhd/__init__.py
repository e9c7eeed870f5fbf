"""UHD: models that see people, small enough for anything."""

from __future__ import annotations

__version__ = "0.1.0"
