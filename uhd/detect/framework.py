"""Which framework computes a detector that is trained: torch, or Keras on its torch backend."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from uhd.detect.settings import Settings
from uhd.errors import UserError, install_hint
from uhd.models import ARCHITECTURES
from uhd.models.network import DetectorNetwork
from uhd.training.hooks import Hook


def fresh_network(settings: Settings, config: Any) -> DetectorNetwork:
    """Return a network with fresh weights, of the framework that the settings name.

    Args:
        settings: of the run.
        config: of the architecture, as the data complete it.

    Raises:
        UserError: Keras is not installed, or does not have what is asked for.
    """
    detect = settings.detect
    if detect.framework == "torch":
        return ARCHITECTURES[detect.arch].network(config)
    if detect.arch != "ultratinyod":
        raise UserError(f"--framework keras: Keras has --arch ultratinyod only, not {detect.arch}")
    if settings.quantisation.on:
        raise UserError("--framework keras: training for few bits exists in torch only; leave out --qat and bits")
    if settings.widths:
        raise UserError("--framework keras: the checkpoint is pruned, and Keras builds its layers from the width alone")
    if detect.multi_scale:
        raise UserError("--multi-scale: a Keras graph has one size of image; leave out --framework keras")
    if detect.heatmap is not None:
        raise UserError("--heatmap: torch's layers are drawn; leave out --framework keras, the weights are the same")
    network: DetectorNetwork = _keras("network").KerasNetwork(config, settings.data.img_size)
    return network


def framework_hooks(settings: Settings) -> list[Hook]:
    """Return what a run calls so that its framework's files lie beside its checkpoints."""
    return [] if settings.detect.framework == "torch" else [_keras("run_files").KerasFiles()]


def _keras(module: str) -> Any:
    try:
        return import_module(f"uhd.keras_detector.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("uhd"):
            raise
        raise UserError(f"--framework keras needs {error.name}: {install_hint('keras')}") from None
