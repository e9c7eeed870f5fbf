"""Keras chooses its backend when it is imported; these tests compare with torch and run on it."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
