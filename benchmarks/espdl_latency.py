"""The estimate of ESP32-S3 time beside the timings that the original publishes, which are measured on a chip.

    python benchmarks/espdl_latency.py

The published models are those of the original's first README: input 64x64, widths 16 to 64, its own names R to N. Ours
have random weights, which the estimate does not look at.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from environment import environment

from uhd.card import ModelSpec
from uhd.export.espdl.latency import CHIPS, LABEL, estimate
from uhd.export.espdl.prepare import prepare
from uhd.export.onnx.export import export_onnx
from uhd.models import create_model

PUBLISHED = {"R": (16, 11.28), "Y": (24, 26.15), "Z": (32, 33.66), "A": (40, 127.5), "F": (48, 292.6)}
PUBLISHED |= {"P": (56, 545.7), "N": (64, 808.5)}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{environment(1)}\n{LABEL}\n")
    print("| model | width | S3, published | S3, estimate | | close ones too | | layers over 64 KB | P4, estimate |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, (width, measured) in PUBLISHED.items():
        model = create_model("ultratinyod", cnn_width=width, use_improved_head=True, use_iou_aware_head=True).eval()
        with tempfile.TemporaryDirectory() as folder:
            graph = export_onnx(model, Path(folder) / "m.onnx", ModelSpec(), form="parts", verify=False)
        prepared = prepare(graph).model
        found, other = estimate(prepared, CHIPS["esp32s3"]), estimate(prepared, CHIPS["esp32p4"])
        cells = [name, str(width), f"{measured:.1f} ms"]
        for guess in (found.milliseconds, found.cautious_milliseconds):
            cells += [f"{guess:.1f} ms", f"{guess / measured - 1:+.0%}"]
        print(f"| {' | '.join([*cells, str(len(found.over_cache)), f'{other.milliseconds:.1f} ms'])} |", flush=True)


if __name__ == "__main__":
    main()
