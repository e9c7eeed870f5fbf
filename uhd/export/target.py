"""What a kind of file is to ``uhd export``: its name, its settings, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from uhd.export.open_model import Opened

CHECKPOINTS = (".safetensors", ".pt", ".keras")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """What came of an export.

    Attributes:
        files: in the order written, the model first.
        notes: lines for the user, printed after the files.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


class Target(Protocol):
    """One kind of file. Its module imports no framework: ``--help`` must be quick.

    Attributes:
        about: one line of ``--help``.
        suffix: of the file written; empty for a folder.
        config: dataclass of its own settings.
        reads: suffixes of the files that it can be made from.
        greedy_only: whether what is written suppresses duplicates itself, and knows one way.
    """

    about: ClassVar[str]
    suffix: ClassVar[str]
    config: ClassVar[type[Any]]
    reads: ClassVar[tuple[str, ...]] = CHECKPOINTS
    greedy_only: ClassVar[bool] = False

    def default_path(self, source: Path) -> Path:
        """Return where the result goes when nobody says."""
        return source.with_suffix(self.suffix)

    def suffix_of(self, config: Any) -> str:
        """Return the suffix of what these settings write; empty for a folder."""
        del config
        return self.suffix

    def named(self, config: Any, typed: Collection[str]) -> tuple[Path | None, Path | None]:
        """Return source and result where flags of its own name them."""
        del config, typed
        return None, None

    def check(self, config: Any, path: Path) -> None:
        """Refuse what can be refused before anything is read.

        Raises:
            UserError: settings that exclude each other, a missing package, or a file that may not be written.
        """

    def write(self, opened: Opened, path: Path, config: Any, say: Say) -> Written:
        """Write the model.

        Args:
            opened: from :func:`uhd.export.open_model.open_model`; not changed.
            path: the file, or the folder.
            config: of the class ``config``.
            say: receives lines of progress.

        Raises:
            UserError: a model or settings that do not go with this kind.
        """
        ...
