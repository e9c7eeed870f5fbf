"""The in-graph twin of :mod:`uhd.decode`: decoding and top-k with operators that every runtime has."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.export.graphs import HeadGraph
from uhd.models.decode import cell_grid
from uhd.models.ultratinyod import UltraTinyOD


class MergedGraph(HeadGraph):
    """Images (1, C, H, W) to rows (1, K, 6): score, class id, cx, cy, w, h, best first, normalised, not suppressed.

    Branches that the score does not need are left out.
    """

    output_names = ("score_classid_cxcywh",)

    def __init__(self, model: UltraTinyOD, size: tuple[int, int], topk: int = 100, conf_thresh: float = 0.0) -> None:
        super().__init__(model)
        stride, self.count = model.config.stride, self.layout.num_anchors
        h, w = self.map_size = (size[0] // stride, size[1] // stride)
        self.topk = min(topk, self.count * h * w)
        self.conf_thresh = conf_thresh
        self.prior = torch.from_numpy(self.layout.anchors * self.layout.wh_scale).view(1, self.count, 2, 1)
        self.cell = cell_grid(h, w).view(1, 1, 2, h * w)
        self.extent = torch.tensor([w, h], dtype=torch.float32).view(1, 1, 2, 1)

    def forward(self, images: Tensor) -> Tensor:  # type: ignore[override]
        """Return the rows."""
        x = self.features(self.backbone(images))
        h, w = self.map_size
        t = self.box(x).view(1, self.count, 4, h * w)
        centre = (torch.sigmoid(t[:, :, :2]) + self.cell) / self.extent
        z = t[:, :, 2:]
        # softplus from operators that quantisers and small runtimes know
        size = self.prior * (torch.relu(z) + torch.log(1 + torch.exp(-torch.abs(z))))
        score, class_id = self._score(x)
        if self.conf_thresh > 0:
            score = score * (score >= self.conf_thresh).to(score.dtype)
        best, index = torch.topk(score, self.topk, dim=1)
        boxes = torch.cat([centre, size], 2).permute(0, 1, 3, 2).reshape(1, self.count * h * w, 4)
        boxes = torch.gather(boxes, 1, index.unsqueeze(-1).expand(1, self.topk, 4))
        kind = torch.zeros_like(best) if class_id is None else torch.gather(class_id, 1, index)
        return torch.cat([best.unsqueeze(-1), kind.unsqueeze(-1), boxes], -1)

    def _score(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h, w = self.map_size
        flat = (1, self.count * h * w)
        classes, power = self.layout.num_classes, self.layout.quality_power
        factors: list[Tensor] = []
        if self.needs("quality") and (quality := self.quality(x)) is not None:
            q = torch.sigmoid(quality).reshape(flat)
            factors.append(q if power == 1 else q**power)
        if self.needs("obj"):
            factors.append(torch.sigmoid(self.obj(x)).reshape(flat))
        class_id = None
        # A score without the class is the same for every class, so the first one is the best.
        if self.needs("cls"):
            assert self.cls_out is not None
            top = self.cls_out(self.class_features(x)).view(1, self.count, classes, h * w)
            if classes > 1:
                top, which = top.max(2)
                class_id = which.reshape(flat).to(top.dtype)
            factors.append(torch.sigmoid(top).reshape(flat))
        score = factors[0]
        for factor in factors[1:]:
            score = score * factor
        return score, class_id
