"""Suppression of duplicate boxes."""

from uhd.nms.greedy import nms

__all__ = ["nms"]
