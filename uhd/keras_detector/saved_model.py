"""A ``.keras`` file as a SavedModel folder of TensorFlow, for tf2onnx, TF Serving and LiteRT's own converter.

Input ``input_1`` (B, height, width, channels), output ``output_0``, the raw map, channels last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from uhd.errors import UserError


def has_tensorflow() -> bool:
    """Whether a SavedModel can be written here."""
    return find_spec("tensorflow") is not None


def write_saved_model(source: Path, folder: Path) -> Path:
    """Write a SavedModel beside a ``.keras`` file, in a process of its own: Keras has one backend per process.

    Raises:
        UserError: TensorFlow is not installed, or refuses.
    """
    if not has_tensorflow():
        raise UserError(f"{folder}: a SavedModel is written by TensorFlow: pip install tensorflow-cpu")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "uhd.keras_detector.saved_model", str(source), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{folder}: TensorFlow could not write it: {' '.join(done.stderr.split())[-160:]}")
    return folder


if __name__ == "__main__":
    from uhd.keras_detector.files import open_keras_model

    open_keras_model(Path(sys.argv[1]))[0].export(sys.argv[2], format="tf_saved_model", verbose=False)
