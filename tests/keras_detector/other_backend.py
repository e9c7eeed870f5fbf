"""What a backend of Keras computes, as numbers to compare; runs where torch need not be installed.

    KERAS_BACKEND=tensorflow python -m tests.keras_detector.other_backend FOLDER

Reads ``*.keras`` and ``images.npz`` of the folder; writes ``BACKEND.npz``, and ``BACKEND.json`` with what it found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from uhd.keras_detector.convert import state_dict_of
from uhd.keras_detector.files import open_keras_model
from uhd.keras_detector.loss.fit import DetectionLoss
from uhd.keras_detector.loss.targets import pack_targets
from uhd.keras_detector.model import create_keras_model
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod.config import UltraTinyODConfig

SIZE = (32, 32)
CONFIG = UltraTinyODConfig(cnn_width=4, num_anchors=2, use_iou_aware_head=False, utod_large_obj_branch=False)


def examples(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return dark images with a bright box each, the last one empty, and what they teach."""
    random = np.random.default_rng(0)
    images = random.random((count, *SIZE, 3), np.float32) * 0.2
    boxes, labels = np.zeros((count, 1, 4), np.float32), np.zeros((count, 1), np.int64)
    labels[-1] = -1
    for i in range(count - 1):
        x, y = random.integers(2, 14, 2)
        images[i, y : y + 14, x : x + 8] += 0.8
        boxes[i, 0] = np.array([x, y, x + 8, y + 14]) / 32
    return images, pack_targets(boxes, labels)


def compiled(path: Path | None = None, rate: float = 3e-3, **options: Any) -> keras.Model:
    """Return a model that is ready for ``fit``: of the file, or fresh from a seed."""
    keras.utils.set_random_seed(0)
    model = create_keras_model(CONFIG, SIZE) if path is None else open_keras_model(path)[0]
    model.compile(keras.optimizers.AdamW(rate, global_clipnorm=10.0), DetectionLoss(model, LossConfig()), **options)
    return model


def step_from(path: Path) -> dict[str, np.ndarray]:
    """Return the loss, and every weight's change, of one step of gradient descent."""
    model = compiled(path)
    model.compile(keras.optimizers.SGD(1e-3), DetectionLoss(model, LossConfig()))
    before = {name: value.copy() for name, value in state_dict_of(model).items()}
    loss = model.train_on_batch(*examples(4))
    after = state_dict_of(model)
    changes = {f"change/{name}": after[name] - value for name, value in before.items()}
    return {"loss": np.asarray(loss), **changes}


def fit(folder: Path) -> dict[str, Any]:
    """Return the losses of three epochs, and how far a fit that is taken up after the second is from them."""
    images, targets = examples(16)
    options: dict[str, Any] = {"batch_size": 8, "shuffle": False, "verbose": 0}
    how: dict[str, Any] = {}
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        # Two equal fits are equal only where sums are taken in one order. XLA does that, and compiles for minutes.
        tensorflow.config.experimental.enable_op_determinism()
        how["jit_compile"] = False
    whole = compiled(**how)
    losses = whole.fit(images, targets, epochs=2, **options).history["loss"]
    place = folder / f"{keras.backend.backend()}.weights.h5"
    whole.save_weights(place)
    losses += whole.fit(images, targets, epochs=3, initial_epoch=2, **options).history["loss"]
    again = compiled(rate=1.0, **how)  # the rate is one of the file's numbers
    again.optimizer.build(again.trainable_variables)  # Keras skips the numbers of an optimiser that has none yet
    again.load_weights(place)
    again.fit(images, targets, epochs=3, initial_epoch=2, **options)
    ours, theirs = (state_dict_of(each) for each in (whole, again))
    return {"losses": losses, "resumed": max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)}


def mixed() -> dict[str, Any]:
    """Return dtypes and losses of a model in half precision beside one in single."""
    images, targets = examples(8)
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    half = compiled()
    keras.mixed_precision.set_dtype_policy("float32")
    single = compiled()
    for ours, theirs in zip(half.weights, single.weights, strict=True):
        ours.assign(keras.ops.convert_to_numpy(theirs))  # JAX would share the array, and fit takes it away
    loss = half.loss(targets, half(images))
    # The first steps overflow and are left out, until the scale of the loss is found.
    history = half.fit(images, targets, epochs=16, batch_size=8, verbose=0).history["loss"]
    return {
        "raw": half.get_layer("head__obj_conv__pw__conv").compute_dtype,
        "loss": keras.backend.standardize_dtype(loss.dtype),
        "half": float(loss), "single": float(single.loss(targets, single(images))), "losses": history,
    }  # fmt: skip


def xla() -> dict[str, float]:
    """Return the loss of two epochs, compiled by XLA and not."""
    images, targets = examples(8)
    options: dict[str, Any] = {"batch_size": 8, "shuffle": False, "verbose": 0, "epochs": 2}
    return {
        str(on): compiled(jit_compile=on).fit(images, targets, **options).history["loss"][-1] for on in (True, False)
    }


def exported(path: Path, folder: Path) -> float:
    """Return how far the model's own SavedModel is from it."""
    import tensorflow

    model, images = keras.saving.load_model(path, compile=False), examples(2)[0]
    model.export(str(folder), format="tf_saved_model", verbose=False)
    found = tensorflow.saved_model.load(str(folder)).signatures["serving_default"](input_1=tensorflow.constant(images))
    return float(np.abs(found["output_0"].numpy() - model.predict(images, verbose=0)).max())


def main(folder: Path) -> None:
    """Compute all of it."""
    backend, stored = keras.backend.backend(), np.load(folder / "images.npz")
    arrays, told = {}, {}
    for name in stored.files:
        model = keras.saving.load_model(folder / f"{name}.keras")
        assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
        arrays[f"raw/{name}"] = keras.ops.convert_to_numpy(model(stored[name], training=False))
    arrays |= step_from(folder / "step.keras")
    if backend != "torch":  # where the trainer is at home
        told |= {"fit": fit(folder), "mixed": mixed()}
    if backend == "tensorflow":
        told |= {"xla": xla(), "exported": exported(folder / "step.keras", folder / "exported")}
    np.savez(folder / f"{backend}.npz", **arrays)
    (folder / f"{backend}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
