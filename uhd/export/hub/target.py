"""A folder to publish, as a target of ``uhd export``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.config import knob
from uhd.errors import UserError
from uhd.export.target import Say, Target, Written

if TYPE_CHECKING:
    from uhd.export.open_model import Opened


@dataclass(frozen=True)
class HubConfig:
    """What the folder is called, and whether an earlier one is replaced."""

    name: str = knob("", "name of the model on its page (default: the checkpoint's)")
    overwrite: bool = knob(False, "write into a folder that holds something; files of the same names are replaced")


class HubTarget(Target):
    """README.md with its YAML header, safetensors, ONNX, LiteRT where its converter is installed, config, example."""

    about: ClassVar[str] = "Write a folder to publish on a hub of models, such as Hugging Face's."
    suffix: ClassVar[str] = ""
    config: ClassVar[type[Any]] = HubConfig

    def default_path(self, source: Path) -> Path:
        """Return a folder beside the checkpoint."""
        return source.with_name(f"{source.stem}_hub")

    def check(self, config: HubConfig, path: Path) -> None:
        """Refuse a file, and a folder that holds something; see :meth:`Target.check`."""
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is not a folder; name one to write the files into")
        if path.is_dir() and any(path.iterdir()) and not config.overwrite:
            raise UserError(f"{path}: holds something already; name another folder, or --overwrite")

    def write(self, opened: Opened, path: Path, config: HubConfig, say: Say) -> Written:
        """Write the folder; see :meth:`Target.write`."""
        from uhd.export.hub.page import EXAMPLE, page
        from uhd.export.litert.config import LitertConfig
        from uhd.export.litert.target import LitertTarget
        from uhd.export.onnx.config import OnnxConfig
        from uhd.export.onnx.target import OnnxTarget
        from uhd.files import save_text
        from uhd.models.weights import describe, save_weights

        network, card = opened.needs_network("a folder for a hub"), opened.card
        path.mkdir(parents=True, exist_ok=True)
        weights, notes = path / "model.safetensors", []
        about = describe(network, **card.to_checkpoint())
        save_weights(weights, network.state_dict(), about)
        files = [weights, *OnnxTarget().write(opened, path / "model.onnx", OnnxConfig(), say).files]
        litert = LitertTarget()
        try:
            litert.check(LitertConfig(), path)
        except UserError as error:
            notes.append(f"no LiteRT file: {error}")
        else:
            files += litert.write(opened, path / "model.tflite", LitertConfig(), say).files
        name = config.name or opened.path.stem
        if not card.licence:
            notes.append("the weights state no licence: give --licence, or nobody may use them")
        texts = {
            "config.json": json.dumps(about, indent=2, default=str) + "\n",
            "example.py": EXAMPLE,
            "README.md": page(card, name, files),
        }
        for file, text in texts.items():
            save_text(path / file, text)
        return Written((*files, *(path / file for file in texts)), tuple(notes))
