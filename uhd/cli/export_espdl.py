"""The original's ``uhd/quantize_onnx_model_for_esp32.py``: ``uhd export --format espdl`` with its defaults."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from uhd.cli import guarded
from uhd.cli.export import main


def original(argv: Sequence[str] | None = None) -> int:
    """Run with the original's flags and defaults."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(["--format", "espdl", *arguments], "quantize_onnx_model_for_esp32.py", "original"))
