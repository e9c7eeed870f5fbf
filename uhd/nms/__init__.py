"""Suppression of duplicate boxes: rows in, rows out."""

from uhd.nms.diou import diou_nms
from uhd.nms.greedy import Rows, batched_nms, nms
from uhd.nms.soft import soft_nms
from uhd.nms.suppression import KINDS, Suppression
from uhd.nms.weighted_boxes_fusion import weighted_boxes_fusion

__all__ = ["KINDS", "Rows", "Suppression", "batched_nms", "diou_nms", "nms", "soft_nms", "weighted_boxes_fusion"]
