"""The first version's place of :mod:`uhd.read`, kept for programs written against it."""

from uhd.read import UnreadableImage, read_image

__all__ = ["UnreadableImage", "read_image"]
