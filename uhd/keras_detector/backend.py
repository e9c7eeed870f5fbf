"""Which framework computes for Keras, where the user says nothing."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

# By package; the first one that is installed.
_BACKENDS = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow"}


def choose_backend() -> None:
    """Set ``KERAS_BACKEND`` to a framework that is installed, before Keras is imported for the first time.

    Keras itself takes TensorFlow, installed or not, and writes that into ``keras.json`` when it is first imported. What
    the environment says stays, and so does the file where its framework is installed.
    """
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
        return
    if (package := _BACKENDS.get(_configured())) is not None and find_spec(package) is not None:
        return
    found = next((name for name, package in _BACKENDS.items() if find_spec(package) is not None), None)
    if found is not None:
        os.environ["KERAS_BACKEND"] = found


def _configured() -> str:
    """Return the framework that ``keras.json`` names, or nothing."""
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("backend", ""))
    except (OSError, ValueError, AttributeError):
        return ""  # missing, or nothing that Keras could read either
