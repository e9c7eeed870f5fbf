"""Which framework computes for Keras, where the user says nothing."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# By package; the first one that is installed.
_BACKENDS = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow"}


def choose_backend() -> None:
    """Set ``KERAS_BACKEND`` to a framework that is installed, before Keras is imported for the first time.

    Keras itself takes TensorFlow, installed or not. What the user says, in the environment or in ``keras.json``, stays.
    """
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ or (home / "keras.json").is_file():
        return
    found = next((name for name, package in _BACKENDS.items() if find_spec(package) is not None), None)
    if found is not None:
        os.environ["KERAS_BACKEND"] = found
