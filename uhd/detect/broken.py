"""Images that break while a run reads them again: each is said once, and all are counted at the end."""

from __future__ import annotations

from collections.abc import Callable

from uhd.data.problems import Report


class BrokenImages(Report):
    """Says a problem the first time that it is met: an image comes by in every epoch.

    Args:
        say: prints a line.
        strict: the first problem ends the run.
    """

    def __init__(self, say: Callable[[str], None], strict: bool = False) -> None:
        super().__init__(strict)
        self.files: set[str] = set()
        self._say = say

    def problem(self, kind: str, message: str) -> None:
        """Count and say one problem, unless it was met before.

        Raises:
            UserError: the report is strict.
        """
        if message in self.files:
            return
        super().problem(kind, message)
        self.files.add(message)
        self._say(f"{message} (it was readable before; gray and without objects from here on)")


def closing_line(count: int) -> str:
    """Return what the end of a run says of images that broke."""
    images = "1 image" if count == 1 else f"{count} images"
    return f"{images} could not be read again during training and counted as gray ones without objects"
