"""``.keras`` files of this package: layers of Keras' own, with card, configuration and anchors beside them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras

from uhd.card import ModelCard
from uhd.config import from_plain, to_plain
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.keras_detector.anchor_table import AnchorTable, anchor_table, attach_table
from uhd.keras_detector.archive import read_told, write_told
from uhd.models.ultratinyod.config import UltraTinyODConfig


def save_keras_model(model: keras.Model, path: Path, config: UltraTinyODConfig, card: ModelCard) -> Path:
    """Write a detector with what is needed to feed and read it, whole or not at all.

    Raises:
        UserError: the name does not end in ``.keras``, or the file cannot be written.
    """
    if path.suffix != ".keras":
        raise UserError(f"{path}: Keras writes files that end in .keras")
    table = anchor_table(model)
    table.card = {"model_config": to_plain(config), "card": card.to_metadata()}

    def write(temporary: Path) -> None:
        named = temporary.with_name(f"{temporary.name}.keras")  # Keras looks at the suffix
        try:
            model.save(named)
            write_told(named, table.told())
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)

    save_atomic(path, write)
    return path


def open_keras_model(path: Path) -> tuple[keras.Model, UltraTinyODConfig, ModelCard]:
    """Return a detector from a ``.keras`` file; code in a file (lambda layers) is never run.

    Raises:
        UserError: missing, damaged, or no detector of this package.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        if told := read_told(path):
            model = attach_table(model, AnchorTable(**told, name="head"))
        card_of = anchor_table(model).card
    except (ValueError, OSError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not a Keras detector that can be read ({' '.join(str(error).split())[:120]})"
        ) from None
    config = from_plain(UltraTinyODConfig, card_of.get("model_config", {}), str(path))
    size = model.inputs[0].shape[1:3]
    card = ModelCard.from_metadata(dict(card_of.get("card", {})), input_size=(int(size[0]), int(size[1])))
    return model, config, card
