"""Run every ONNX file of a folder with onnxruntime alone: ``onnx_runtime.py FOLDER``."""

import json
import pathlib
import sys

import numpy as np
import onnxruntime

folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
for path in sorted(folder.glob("*.onnx")):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = {}
    for i, image in enumerate(images):
        outputs = session.run(None, {session.get_inputs()[0].name: image[None]})
        found |= {f"{name}.{i}": output for name, output in zip(names, outputs, strict=True)}
    np.savez(folder / f"{path.stem}.found.npz", **found)
sys.stdout.write(json.dumps({"version": onnxruntime.__version__, "refused": {}}))
