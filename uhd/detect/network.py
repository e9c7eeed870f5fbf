"""The network of a run: classes and anchors from the data, weights from a checkpoint."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uhd.anchors import auto_anchors
from uhd.compress.fake_quantise import fit_ranges, quantise
from uhd.compress.widths import take_widths
from uhd.config import to_plain
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.multi_label import LabelRoles, objects_only, roles_of
from uhd.data.open import OpenedData
from uhd.data.records import box_sizes
from uhd.detect.backbone_start import prepare_backbone
from uhd.detect.channel_start import fit_channels
from uhd.detect.class_start import fit_classes
from uhd.detect.config import DetectConfig
from uhd.detect.framework import fresh_network
from uhd.detect.prune_start import prune_start
from uhd.detect.settings import Settings
from uhd.detect.width_start import fit_width
from uhd.errors import UserError
from uhd.evaluation.anchor_plot import plot_anchors
from uhd.models.batchnorm import measure_batchnorm
from uhd.models.network import AnchorNetwork, DetectorNetwork
from uhd.models.weights import check_numbers, read_weights, reason_against
from uhd.resize import input_channels, to_network

ANCHOR_PLOT = "auto_anchors.png"
_MEASURED = 512  # images that tell the statistics of a folded batch-norm


def build_network(settings: Settings, opened: OpenedData, dataset: Dataset) -> DetectorNetwork:
    """Return the network with anchors from the labels and, with ``--ckpt``, weights from a checkpoint.

    Raises:
        UserError: the checkpoint does not fit.
    """
    config, train, detect = settings.model, settings.train, settings.detect
    roles = roles_of(settings.data)
    channels = input_channels(settings.data.resize_mode)
    follows: dict[str, Any] = {"in_channels": channels, "num_classes": len(opened.names)}
    if roles.mode != "none":
        follows |= multi_label(config, detect.arch, roles)
    if detect.auto_anchors and train.ckpt is None and has_anchors(config) and not config.anchors:
        sizes = box_sizes(objects_only(dataset.records, roles))
        found = auto_anchors(sizes, config.num_anchors, detect.auto_anchors_alg, detect.auto_anchors_bias)
        follows["anchors"] = tuple((float(w), float(h)) for w, h in found) if found.any() else ()
    fresh = fresh_network(settings, dataclasses.replace(config, **follows))
    if settings.widths:
        fresh = take_widths(fresh, settings.widths, str(train.ckpt or train.resume))
    network = quantise(fresh, settings.quantisation)
    if train.ckpt is not None:
        meta = load_start(network, train.ckpt, not train.ckpt_non_strict, opened.names, train.seed)
        if meta.get("rebuilt_from"):
            measure_batchnorm(network, _some_images(dataset, settings.data))
        # The anchors came with the weights, unless the configuration says others; both have to say the same.
        if isinstance(network, AnchorNetwork):
            network.set_anchors(config.anchors or network.anchors.tolist())
    prepare_backbone(network, detect, resumed=train.resume is not None)
    if settings.prune.on and train.resume is None:
        prune_start(network, settings, dataset)
    return network


def _some_images(dataset: Dataset, data: DataConfig) -> Tensor:
    """Return up to ``_MEASURED`` images, evenly spread, as the network takes them."""
    step = -(-len(dataset) // _MEASURED)
    images = [dataset.network_sample(i, data.img_size, data.resize_mode).image for i in range(0, len(dataset), step)]
    return torch.from_numpy(to_network(np.stack(images), data.resize_mode))


def load_start(
    network: DetectorNetwork, path: Path, strict: bool, names: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Load the weights that a run starts from; without ``strict`` only those that the network has, in its shapes.

    Weights of other classes, for another input, or of a narrower network give what they have in common with these; see
    :mod:`uhd.detect.class_start`, :mod:`uhd.detect.channel_start` and :mod:`uhd.detect.width_start`.

    Args:
        network: is changed.
        path: checkpoint.
        strict: whether every tensor has to be in it.
        names: of the network's classes.
        seed: of what is drawn where weights are shared out.

    Returns:
        The checkpoint's metadata.

    Raises:
        UserError: they do not fit.
    """
    weights, meta = read_weights(path)
    check_numbers(weights, path)
    weights = fit_channels(fit_classes(weights, meta, network, names), network)
    state = fit_ranges(fit_width(weights, network, seed), network)
    if not strict:
        own = network.state_dict()
        state = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
        if len(state) < len(own):
            print(f"{path.name}: {len(own) - len(state)} of {len(own)} tensors are not in it and start fresh")  # noqa: T201
    try:
        network.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        reason = reason_against(meta.get("model_config"), to_plain(network.config), error)
        raise UserError(f"{path}: belongs to {reason}") from None
    return meta


def multi_label(config: Any, arch: str, roles: LabelRoles) -> dict[str, Any]:
    """Return the fields of a network whose objects may have several labels.

    Raises:
        UserError: the architecture has no such labels, or no classes at all.
    """
    if not hasattr(config, "num_attributes"):
        raise UserError(f"--multi-label-mode {roles.mode} is for --arch ultratinyod, not {arch}")
    if config.disable_cls:
        raise UserError(f"--disable-cls leaves no branch for the labels of --multi-label-mode {roles.mode}")
    separate = len(roles.attributes) if roles.mode == "separate" else 0
    classes = len(roles.classes) - separate
    return {"num_classes": classes, "num_attributes": separate, "multi_label_mode": roles.mode}


def has_anchors(config: Any) -> bool:
    """Whether a configuration describes a network with anchors."""
    return getattr(config, "head", "anchor") == "anchor" and bool(
        getattr(config, "use_anchor", hasattr(config, "anchors"))
    )


def draw_anchors(
    network: DetectorNetwork, dataset: Dataset, config: DetectConfig, roles: LabelRoles, folder: Path
) -> None:
    """Draw training boxes and anchors (``--auto-anchors-plot``), in the run folder unless a path is given."""
    if not (config.auto_anchors_plot or config.auto_anchors_plot_path):
        return
    if not isinstance(network, AnchorNetwork):
        print(f"--auto-anchors-plot: --arch {network.arch} without anchors", file=sys.stderr)  # noqa: T201
        return
    sizes = box_sizes(objects_only(dataset.records, roles))
    path = config.auto_anchors_plot_path or folder / ANCHOR_PLOT
    print(f"wrote {plot_anchors(sizes, network.anchors.detach().cpu().numpy(), path)}")  # noqa: T201
