"""Suppression of duplicate boxes: rows in, rows out."""

from uhd.nms.greedy import Rows, nms
from uhd.nms.suppression import KINDS, Suppression

__all__ = ["KINDS", "Rows", "Suppression", "nms"]
