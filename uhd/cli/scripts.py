"""The original's scripts, by their path in the repository."""

from __future__ import annotations

from collections.abc import Callable

from uhd.cli import export_c, export_espdl, finetune_espdl, keras_train, original

SCRIPTS: dict[str, Callable[[list[str]], int]] = {
    "train.py": original.train,
    "export_onnx.py": original.export,
    "demo_uhd.py": original.demo,
    "demo_uhd_lite.py": original.demo_lite,
    "profile_onnx.py": original.profile,
    "export_cpp.py": export_c.original,
    "uhd/quantize_onnx_model_for_esp32.py": export_espdl.original,
    "uhd/uhd_qat.py": finetune_espdl.original,
    "uhd_keras.train": keras_train.train,
    "tools/inspect_checkpoint.py": original.inspect_checkpoint,
}
