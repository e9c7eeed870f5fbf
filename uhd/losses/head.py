"""How a loss reads the raw map of an anchor head: all of it without gradient, claimed predictions with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from uhd.assigners.assignment import Assignment, Grid, Predictions
from uhd.assigners.targets import Targets
from uhd.heads import HeadLayout
from uhd.losses.class_weights import class_weights
from uhd.models.decode import branch, cell_grid, decode_all, decode_boxes, score, score_logits


@dataclass(frozen=True, eq=False)
class Claimed:
    """Logits and boxes of the R = T * K claims of an assignment, with gradient.

    Attributes:
        boxes: (R, 4) ``xyxy`` predictions.
        wanted: (R, 4) ``xyxy`` ground truths.
        class_logits: (R, num_classes).
        labels: (R,) int64 class of the ground truth.
        label_sets: (R, num_classes) 1 for every class of the ground truth; None where it has one.
    """

    boxes: Tensor
    wanted: Tensor
    class_logits: Tensor
    labels: Tensor
    label_sets: Tensor | None = None


class AnchorHead(torch.nn.Module):
    """The constants needed to read a raw map (B, A * no, h, w), see :class:`uhd.heads.HeadLayout`."""

    anchors: Tensor

    def __init__(
        self, anchors: Tensor, num_classes: int, has_quality: bool, score_mode: str, quality_power: float
    ) -> None:
        super().__init__()
        self.register_buffer("anchors", anchors.detach().clone().float(), persistent=False)
        self.num_classes = num_classes
        self.has_quality = has_quality
        sizes = self.anchors.cpu().numpy()
        self.layout = HeadLayout(sizes, np.ones_like(sizes), num_classes, has_quality, score_mode, quality_power)

    def class_weight(self, text: str) -> Tensor | None:
        """Return the weights (classes,) that ``--class-weights`` names by numbers; None for 1 each."""
        given = class_weights(text, [1] * self.num_classes) if self.num_classes else ()
        return torch.tensor(given, device=self.anchors.device) if given else None

    def prior(self, wh_scale: Tensor | None) -> Tensor:
        """Return the (A, 2) sizes the box logits multiply, with the gradient of ``wh_scale``."""
        return self.anchors if wh_scale is None else self.anchors * wh_scale.float()

    def branch_logits(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return objectness (B, N) and quality (B, N) or None, with gradient."""
        return score_logits(raw, self.layout)[:2]

    def class_logits(self, raw: Tensor) -> Tensor:
        """Return the class logits (B, N, classes), with gradient."""
        logits = branch(raw, self.layout, "cls")
        assert logits is not None, "a classless head has none"
        return logits

    @torch.no_grad()
    def predict(self, raw: Tensor, prior: Tensor) -> tuple[Predictions, Grid]:
        """Decode the raw map (B, A * no, h, w) without gradient; ``prior`` is (A, 2)."""
        raw = raw.detach()
        scores = score(raw, self.layout)
        grid = Grid(raw.shape[2], raw.shape[3], prior.detach())
        return Predictions(decode_all(raw, grid.priors), scores), grid

    def claimed(self, raw: Tensor, prior: Tensor, assignment: Assignment, targets: Targets) -> Claimed:
        """Gather what the assignment claims of the raw map (B, A * no, h, w) and decode it with gradient."""
        h, w = raw.shape[2:]
        index, people = assignment.prediction.flatten(), targets.people
        anchor = index // (h * w) % len(self.anchors)
        cell = index % (h * w)
        fields = raw.shape[1] // len(self.anchors)
        first = index // (h * w) * (fields * h * w) + cell  # of a prediction's fields, which lie a map apart
        places_in_raw = first[:, None] + torch.arange(fields, device=raw.device) * (h * w)
        # Several people may claim one prediction; the gradient of a gather adds up fast, that of an index does not.
        logits = raw.flatten().gather(0, places_in_raw.flatten()).view(-1, fields)
        places = self.layout.places
        boxes = decode_boxes(logits[:, places["box"]], cell_grid(h, w, raw.device).T[cell], prior[anchor], (h, w))
        claims = assignment.prediction.shape[1]
        wanted = people.boxes.repeat_interleave(claims, 0)
        labels = targets.people_labels.repeat_interleave(claims)
        sets = None if targets.label_sets is None else targets.label_sets.repeat_interleave(claims, 0)
        classes = logits[:, places["cls"]] if "cls" in places else logits[:, :0]
        return Claimed(boxes, wanted, classes, labels, sets)
