"""Predictors around a handle of a library, which neither a pickle nor a forked process can take along."""

from __future__ import annotations

import os
from typing import Any

from uhd.runtime.predictor import Predictor

_ABANDONED: list[dict[str, Any]] = []


class ReopenedPredictor(Predictor):
    """Opened again, with the arguments it was made with, where it arrives by pickle or by fork.

    Attributes:
        arguments: of the constructor; set before they are used up.
        survives_fork: whether the library's handle works in a forked process too; pools of threads do not.
    """

    arguments: dict[str, Any]
    survives_fork = True
    _process = 0

    def _made_with(self, **arguments: Any) -> None:
        self.arguments, self._process = arguments, os.getpid()

    def _arrive(self) -> None:
        """Open the file again if this is another process than the one that opened it, and the handle minds."""
        if not self.survives_fork and self._process != os.getpid():
            # Closing the old handle would wait for threads that are not here.
            _ABANDONED.append(dict(vars(self)))
            self.__init__(**self.arguments)  # type: ignore[misc]

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (type(self), self.arguments)


def _open(kind: type[ReopenedPredictor], arguments: dict[str, Any]) -> ReopenedPredictor:
    return kind(**arguments)
