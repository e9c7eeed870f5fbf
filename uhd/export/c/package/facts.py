"""What the files of a package say of the model in it."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.card import ModelSpec
from uhd.export.c.emit import Files


@dataclass(frozen=True)
class Facts:
    """A model in a package.

    Attributes:
        prefix: of every public name; name of header and source.
        spec: of the model.
        files: what was exported.
        version: three numbers.
        numbers: ``int8`` or ``float32``.
    """

    prefix: str
    spec: ModelSpec
    files: Files
    version: str
    numbers: str

    @property
    def about(self) -> str:
        """One line, without quotation marks."""
        h, w = self.spec.input_size
        names = ", ".join(self.spec.class_names[:5]).replace('"', "")
        return f"Finds {names} in camera frames ({h}x{w} network, {self.numbers}); written by uhd export"

    def fill(self, text: str) -> str:
        """Return a text with ``@NAME@`` and its like replaced."""
        marks = {
            "NAME": self.prefix, "VERSION": self.version, "ABOUT": self.about,
            "LICENCE": self.spec.licence or "unknown", "ARENA": f"{self.files.arena_bytes:,}",
            "WEIGHTS": f"{self.files.weight_bytes:,}", "WEIGHTS_OF": self.spec.version or "unknown",
        }  # fmt: skip
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", value)
        return text
