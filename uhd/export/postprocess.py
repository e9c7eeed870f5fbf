"""The in-graph twin of :mod:`uhd.decode`: decoding and top-k with operators that every runtime has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.models.decode import cell_grid
from uhd.models.ultratinyod import UltraTinyOD
from uhd.models.ultratinyod.head import Head


class MergedGraph(Head):
    """Images (1, C, H, W) to rows (1, K, 6): score, class id, cx, cy, w, h, best first, normalised, not suppressed.

    The head's layers stand directly in this module, so that node names carry no ``/head`` and match the patterns that
    quantisation recipes use. Branches that the score does not need are left out.
    """

    def __init__(self, model: UltraTinyOD, size: tuple[int, int], topk: int = 100, conf_thresh: float = 0.0) -> None:
        nn.Module.__init__(self)
        head = model.head
        self.__dict__.update({k: v for k, v in head.__dict__.items() if not k.startswith("_")})
        self._modules = dict(head._modules)
        self._parameters = dict(head._parameters)
        self._buffers = dict(head._buffers)
        self.backbone = model.backbone
        layout, stride = model.layout(), model.config.stride
        self.mode, self.power, self.num_classes = layout.score_mode, layout.quality_power, layout.num_classes
        self.map_size = (size[0] // stride, size[1] // stride)
        self.count = layout.num_anchors
        self.topk = min(topk, self.count * self.map_size[0] * self.map_size[1])
        self.conf_thresh = conf_thresh
        prior = torch.from_numpy(layout.anchors * layout.wh_scale)
        self.prior = prior.view(1, self.count, 2, 1)
        h, w = self.map_size
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
        factors: list[Tensor] = []
        quality = self.quality(x) if "quality" in self.mode else None
        if quality is not None:
            q = torch.sigmoid(quality).reshape(flat)
            factors.append(q if self.power == 1 else q**self.power)
        if "obj" in self.mode:
            factors.append(torch.sigmoid(self.obj(x)).reshape(flat))
        class_id = None
        if self.cls_out is not None and (("cls" in self.mode) or self.num_classes > 1):
            cls = self.cls_out(self.class_features(x)).view(1, self.count, self.num_classes, h * w)
            if self.num_classes == 1:
                factors.append(torch.sigmoid(cls).reshape(flat))
            else:
                top, which = cls.max(2)
                class_id = which.reshape(flat).to(top.dtype)
                if "cls" in self.mode:
                    factors.append(torch.sigmoid(top).reshape(flat))
        score = factors[0]
        for factor in factors[1:]:
            score = score * factor
        return score, class_id
