"""Fine-tune a quantised model for ESP-DL with the original's flags and defaults; run by its path."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run by path, Python searches this folder first, where modules named like other packages lie.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from uhd.cli.finetune_espdl import original

if __name__ == "__main__":
    sys.exit(original())
