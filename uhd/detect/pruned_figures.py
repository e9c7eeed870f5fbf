"""What a network costs: multiply-adds, parameters, time on one thread, and an estimate for a chip."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from uhd.card import ModelCard
from uhd.models.network import DetectorNetwork
from uhd.models.profile import profile
from uhd.runtime.timing import time_interleaved

_RUNS, _WARMUP, _SECONDS = 300, 20, 3.0


def figures_of(networks: Mapping[str, DetectorNetwork], card: ModelCard) -> dict[str, dict[str, Any]]:
    """Return by network ``macs``, ``params``, ``milliseconds``, ``esp32s3_milliseconds``.

    Args:
        networks: by any name; they are timed in turn.
        card: of all of them: size (height, width), resize mode.
    """
    from uhd.export.espdl.latency import CHIPS, estimate
    from uhd.export.espdl.prepare import prepare
    from uhd.export.open_model import separate_outputs

    times, found = milliseconds_of(networks, card), {}
    for name, network in networks.items():
        whole = copy.deepcopy(network).cpu().eval().requires_grad_(True)  # averaged weights are no trainable ones
        cost = profile(whole, card.input_size)
        graph = prepare(separate_outputs(whole, card, "ESP-DL")).model
        chip = estimate(graph, CHIPS["esp32s3"])
        found[name] = {
            "macs": cost.macs, "params": cost.params, "milliseconds": round(times[name], 4),
            "esp32s3_milliseconds": round(chip.milliseconds, 2),
        }  # fmt: skip
    return found


def milliseconds_of(networks: Mapping[str, DetectorNetwork], card: ModelCard) -> dict[str, float]:
    """Return the median milliseconds of networks as ONNX on one thread, timed in turn; see :func:`figures_of`."""
    from uhd.export.onnx.export import export_onnx
    from uhd.runtime.onnx import OnnxPredictor

    stages = {}
    for name, network in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(copy.deepcopy(network).cpu().eval(), path, card, "parts", verify=False)
            runtime = OnnxPredictor(path.read_bytes())
        zeros = np.zeros((1, int(network.config.in_channels), *card.input_size), np.float32)
        stages[name] = lambda runtime=runtime, zeros=zeros: runtime.session.run(None, {runtime.input_name: zeros})
    taken = time_interleaved(stages, _RUNS, _WARMUP, _SECONDS)
    return {name: row["p50"] for name, row in taken.items()}
