"""The network as it is exported without post-processing: one concatenated map, or its parts."""

from __future__ import annotations

from torch import Tensor, nn

from uhd.models.ultratinyod import UltraTinyOD, assemble_raw
from uhd.models.ultratinyod.head import Head


class HeadGraph(Head):
    """A model whose head's layers stand directly in this module.

    So node names carry no ``/head`` and match the patterns that quantisation recipes use
    (``/box_tower/box_tower.0/dw/conv/Conv``). Layers are shared with the model, not copied.
    """

    def __init__(self, model: UltraTinyOD) -> None:
        nn.Module.__init__(self)
        head = model.head
        self.__dict__.update({name: value for name, value in head.__dict__.items() if not name.startswith("_")})
        self._modules = dict(head._modules)
        self._parameters = dict(head._parameters)
        self._buffers = dict(head._buffers)
        self.backbone = model.backbone
        self.layout = model.layout()

    def needs(self, branch: str) -> bool:
        """Return whether the score is made of this branch (``obj``, ``quality`` or ``cls``)."""
        return branch in self.layout.score_mode.split("_")


class RawGraph(HeadGraph):
    """Images (1, C, H, W) to the raw map (1, A * no, h, w) with every branch the model has."""

    @property
    def output_names(self) -> list[str]:
        """``txtywh_obj_quality_cls_x8`` without the branches that the model does not have.

        It ends in ``_x8`` at every stride: programs for the original's files look for the name.
        """
        fields = ["txtywh", "obj", *(["quality"] if self.layout.has_quality else [])]
        return ["_".join([*fields, *(["cls"] if self.layout.num_classes else []), "x8"])]

    def forward(self, images: Tensor) -> Tensor:  # type: ignore[override]
        """Return the raw map; see :class:`UltraTinyOD` for its channels."""
        maps = Head.forward(self, self.backbone(images))
        maps.pop("attr", None)
        return assemble_raw(maps)


class PartsGraph(HeadGraph):
    """Images (1, C, H, W) to ``box`` (1, 4A, h, w) and the branches that the score needs, as separate maps."""

    @property
    def output_names(self) -> list[str]:
        """``box``, then those of ``obj``, ``quality``, ``cls`` that the score needs."""
        return ["box", *(name for name in ("obj", "quality", "cls") if self.needs(name))]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Return the maps in the order of ``output_names``."""
        x = self.features(self.backbone(images))
        parts = [self.box(x)]
        if self.needs("obj"):
            parts.append(self.obj(x))
        if self.needs("quality"):
            quality = self.quality(x)
            assert quality is not None
            parts.append(quality)
        if self.needs("cls"):
            assert self.cls_out is not None
            parts.append(self.cls_out(self.class_features(x)))
        return tuple(parts)
