"""A page that runs the model in the browser, as a target of ``uhd export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.errors import UserError
from uhd.export.target import CHECKPOINTS, Say, Target, Written

if TYPE_CHECKING:
    from uhd.export.open_model import Opened


@dataclass(frozen=True)
class WebConfig:
    """Nothing to choose."""


class WebTarget(Target):
    """A folder with the page and the compiled model."""

    about: ClassVar[str] = "Compile a model for the browser, with the page that runs it."
    suffix: ClassVar[str] = ""
    config: ClassVar[type[Any]] = WebConfig
    reads: ClassVar[tuple[str, ...]] = (*CHECKPOINTS, ".onnx")
    greedy_only: ClassVar[bool] = True

    def default_path(self, source: Path) -> Path:
        """Return a folder beside the checkpoint."""
        return source.with_name(f"{source.stem}_web")

    def check(self, config: WebConfig, path: Path) -> None:
        """Refuse a file where the folder goes; see :meth:`Target.check`."""
        del config
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is not a folder; name one to write the page into")

    def write(self, opened: Opened, path: Path, config: WebConfig, say: Say) -> Written:
        """Write the folder; see :meth:`Target.write`."""
        del config, say
        from uhd.export.c_target import layers_of
        from uhd.export.web import export_web

        done = export_web(layers_of(opened), path)
        rounding = (
            f"weights as half floats: changed by at most {done.largest_rounding:.1e} of the largest of their layer"
        )
        return Written(done.files, (rounding, f"look at it: uhd web --model {path}"))
