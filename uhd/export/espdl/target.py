"""Files for the ESP32-S3 and ESP32-P4 as a target of ``uhd export``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.errors import UserError
from uhd.export.espdl.config import EspdlConfig
from uhd.export.target import CHECKPOINTS, Say, Target, Written
from uhd.json_text import json_text

if TYPE_CHECKING:
    from uhd.export.open_model import Opened


SIMULATED = "quantised forms simulated"


class EspdlTarget(Target):
    """``.espdl``, its simulation, and what decodes its outputs."""

    about: ClassVar[str] = "Quantise a model for the ESP32-S3 or ESP32-P4."
    suffix: ClassVar[str] = ".espdl"
    config: ClassVar[type[Any]] = EspdlConfig
    reads: ClassVar[tuple[str, ...]] = (*CHECKPOINTS, ".onnx")

    def named(self, config: EspdlConfig, typed: Collection[str]) -> tuple[Path | None, Path | None]:
        """Return what the original's flags name; see :meth:`Target.named`."""
        # The preset's name of the result goes with the preset's model, not with another one.
        ours = "espdl_model" in typed or "onnx_model" not in typed
        return config.onnx_model, config.espdl_model if ours else None

    def check(self, config: EspdlConfig, path: Path) -> None:
        """Refuse to work without images or without esp-ppq; see :meth:`Target.check`."""
        del path
        if config.photographs is None:
            raise UserError("which images to calibrate on? give --calibration DIR")
        if config.latency_json is not None and config.latency_json.suffix.lower() != ".json":
            raise UserError(f"{config.latency_json}: the file's name must end in .json")

        from uhd.export.espdl import toolchain

        toolchain.require_esp_ppq()

    def write(self, opened: Opened, path: Path, config: EspdlConfig, say: Say) -> Written:
        """Write all files; see :meth:`Target.write`."""
        import torch

        # Layers this small are slower with several threads.
        torch.set_num_threads(1)

        from uhd.compress.score import to_text
        from uhd.export.espdl.export import export_espdl
        from uhd.export.espdl.source import prepare_opened
        from uhd.files import save_atomic

        prepared, card = prepare_opened(opened, config)
        try:
            done = export_espdl(prepared, card, path, config, say)
        except KeyboardInterrupt:
            # Without a result nobody needs what esp-ppq said; after an error one does.
            path.with_name(f"{path.name}.log").unlink(missing_ok=True)
            raise
        notes = [] if done.search is None else [done.search.to_text()]
        files = done.files
        if done.latency is not None:
            notes.append(done.latency.to_text() if config.latency else "\n".join(done.latency.summary()))
        elif config.latency or config.latency_json:
            notes.append(f"no estimate of time: nothing is known of the target {config.target}")
        if config.latency_json is not None and done.latency is not None:
            text = json_text(done.latency.to_dict())
            save_atomic(config.latency_json, lambda place: place.write_text(text, encoding="utf-8"))
            files = (*files, config.latency_json)
        if done.scores:
            notes.append(to_text(done.scores, done.scored_images, SIMULATED))
        return Written(files, tuple(notes))
