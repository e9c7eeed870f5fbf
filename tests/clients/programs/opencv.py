"""Run every ONNX file of a folder with OpenCV's dnn module, as its users do: ``opencv.py FOLDER``."""

import json
import pathlib
import sys

import cv2
import numpy as np

folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
refused = {}
for path in sorted(folder.glob("*.onnx")):
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
        names = list(network.getUnconnectedOutLayersNames())
        found = {}
        for i, image in enumerate(images):
            network.setInput(image[None])
            outputs = network.forward(names)
            found |= {f"{name}.{i}": output for name, output in zip(names, outputs, strict=True)}
        np.savez(folder / f"{path.stem}.found.npz", **found)
    except cv2.error as error:
        refused[path.stem] = " ".join(str(error).split())[:200]
sys.stdout.write(json.dumps({"version": cv2.__version__, "refused": refused}))
