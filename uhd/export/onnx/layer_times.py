"""How long every operator of an ONNX file takes, as onnxruntime's own profiler says."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx

RUNS = 50


def layer_times(path: Path, runs: int = RUNS, warmup: int = 10) -> dict[str, float]:
    """Return milliseconds per run and operator, by the operator's name, on one thread.

    onnxruntime joins operators: what has no time of its own is done by another, an activation by its convolution.

    Args:
        path: ``.onnx`` file; free axes of its input are 1 image and 64 pixels.
        runs: whose mean is returned.
        warmup: runs before, not counted.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feed = session.get_inputs()[0]
        free = (1, 3, 64, 64)
        shape = [side if isinstance(side, int) else free[i] for i, side in enumerate(feed.shape)]
        kind = np.uint8 if feed.type == "tensor(uint8)" else np.float32
        for _ in range(runs + warmup):
            session.run(None, {feed.name: np.zeros(shape, kind)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    taken: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            taken[event["name"].removesuffix("_kernel_time").removesuffix("_nchwc")].append(event["dur"])
    makers = _makers(path)
    found: dict[str, float] = defaultdict(float)
    for name, each in taken.items():
        found[makers.get(name, name)] += sum(each[warmup:]) / 1000 / runs
    return dict(found)


def _makers(path: Path) -> dict[str, str]:
    """Return, by the name of a tensor, the operator that made it: of an activation the convolution before it.

    In its blocked layout onnxruntime names what it runs after the tensor that comes out.
    """
    graph = onnx.load(str(path), load_external_data=False).graph
    nodes = {output: node for node in graph.node for output in node.output}
    found = {}
    for tensor, node in nodes.items():
        before = nodes.get(node.input[0]) if node.op_type in ("Relu", "Clip") else None
        found[tensor] = before.name if before is not None and before.op_type == "Conv" else node.name
    return found
