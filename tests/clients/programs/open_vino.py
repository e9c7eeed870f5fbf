"""Run every ONNX file of a folder with OpenVINO: ``open_vino.py FOLDER``."""

import json
import pathlib
import sys

import numpy as np
import openvino

folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
core = openvino.Core()
for path in sorted(folder.glob("*.onnx")):
    exactly = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    network = core.compile_model(str(path), "CPU", exactly)
    found = {}
    for i, image in enumerate(images):
        outputs = network([image[None]])
        found |= {f"{output.get_any_name()}.{i}": outputs[output] for output in network.outputs}
    np.savez(folder / f"{path.stem}.found.npz", **found)
sys.stdout.write(json.dumps({"version": openvino.__version__, "refused": {}}))
