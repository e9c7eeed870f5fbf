"""Print what a checkpoint says of itself, its anchors and their scale; run by its path."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run by path, Python searches this folder instead of the one above.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from uhd.cli.original import inspect_checkpoint

if __name__ == "__main__":
    sys.exit(inspect_checkpoint())
