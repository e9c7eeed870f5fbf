"""Keep OpenCV and FFmpeg from writing to the terminal: what went wrong is said by whoever called them, in one line."""

from __future__ import annotations

import contextlib
import os
from functools import cache

import cv2

_QUIET = "-8"  # FFmpeg's AV_LOG_QUIET


@cache
def silence_video() -> None:
    """Turn off the messages of OpenCV's video readers and writers; must come before the first of them is opened.

    Whoever wants them sets ``OPENCV_FFMPEG_LOGLEVEL`` (FFmpeg's numbers, 48 tells everything).
    """
    # A process that this one started inherits what was set here.
    if os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET) != _QUIET:
        return
    with contextlib.suppress(AttributeError):  # a build without the module
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
