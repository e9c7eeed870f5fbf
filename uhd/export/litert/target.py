"""LiteRT files as a target of ``uhd export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.export.litert.config import LitertConfig
from uhd.export.target import Say, Target, Written

if TYPE_CHECKING:
    from uhd.export.open_model import Opened


class LitertTarget(Target):
    """``.tflite`` in float32, float16, dynamic-range and full-integer."""

    about: ClassVar[str] = "Write a checkpoint as LiteRT files (.tflite)."
    suffix: ClassVar[str] = ".tflite"
    config: ClassVar[type[Any]] = LitertConfig

    def check(self, config: LitertConfig, path: Path) -> None:
        """Refuse kinds that cannot be had, and a missing converter; see :meth:`Target.check`."""
        del path
        config.chosen()
        from uhd.export.litert.toolchain import require_litert

        require_litert()

    def write(self, opened: Opened, path: Path, config: LitertConfig, say: Say) -> Written:
        """Write the files; see :meth:`Target.write`."""
        from uhd.export.litert.export import export_litert

        network = opened.needs_network("LiteRT")
        if not config.kinds and "full-integer" not in config.chosen():
            why = "has no --calibration DIR" if config.calibration is None else "needs separate outputs"
            say(f"full-integer is left out: it {why}")
        done = export_litert(network, path, opened.card, config, say)
        notes = []
        if done.difference is not None:
            notes.append(f"largest difference of float32 to torch: {done.difference:.2e}")
        if config.score is not None:
            from uhd.compress.score import labelled, score, to_text
            from uhd.models.predictor import TorchPredictor
            from uhd.runtime.litert import LitertPredictor

            dataset = labelled(config.score, opened.card, opened.card.classes or (0,))
            scores = [score("torch", TorchPredictor(network, opened.card), dataset)]
            scores += [score(kind, LitertPredictor(file), dataset) for kind, file in done.models.items()]
            notes.append(to_text(scores, len(dataset)))
        return Written((*done.models.values(), *done.sidecars), tuple(notes))
