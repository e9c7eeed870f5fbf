"""Run every ``.tflite`` file of a folder with the LiteRT interpreter alone: ``lite_rt.py FOLDER``."""

import importlib.metadata
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter

folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
for path in sorted(folder.glob("*.tflite")):
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (signature,) = interpreter.get_signature_list()
    run = interpreter.get_signature_runner(signature)
    (feed,) = run.get_input_details()
    found = {}
    for i, image in enumerate(images):
        for name, output in run(**{feed: image.transpose(1, 2, 0)[None]}).items():
            found[f"{name}.{i}"] = output.transpose(0, 3, 1, 2) if output.ndim == 4 else output
    np.savez(folder / f"{path.stem}.found.npz", **found)
sys.stdout.write(json.dumps({"version": importlib.metadata.version("ai-edge-litert"), "refused": {}}))
