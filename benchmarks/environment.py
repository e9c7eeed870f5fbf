"""What every benchmark states first: processor, threads, versions."""

from __future__ import annotations

import platform

from uhd.cli.bench import cpu_name


def environment(threads: int) -> str:
    """Return one line that names the machine and the versions."""
    import cv2
    import numpy as np
    import torch

    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    return f"{cpu_name()}, {threads} thread(s), {versions}, opencv {cv2.__version__}"
