"""Bad input is reported and counted, not fatal: the count, and the first few cases of every kind in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from uhd.errors import UserError

EXAMPLES_KEPT = 20

BAD_LABEL = "bad label line"
UNKNOWN_CLASS = "class not wanted"
BAD_IMAGE = "unreadable image"
MISSING_IMAGE = "missing image"
DANGLING = "id that leads nowhere"
BAD_IGNORE = "bad ignore region"


@dataclass
class Report:
    """Problems met while a data set is opened.

    Attributes:
        strict: the first problem raises :class:`~uhd.errors.UserError` instead of being counted.
        counts: number of problems by kind.
        examples: the first ``EXAMPLES_KEPT`` messages by kind, ``path[:line]: what is wrong``.
        notes: counted facts that are no mistakes, such as images without a label file.
        noted: the first ``EXAMPLES_KEPT`` cases by fact, where they are known.
        remarks: lines of their own, such as which classes are left out.
    """

    strict: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    noted: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def problem(self, kind: str, message: str) -> None:
        """Count one problem; ``message`` says where and what.

        Raises:
            UserError: the report is strict.
        """
        if self.strict:
            raise UserError(f"{message} (mend it, or run without --strict to skip it)")
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(message)

    def note(self, fact: str, count: int = 1, case: str = "") -> None:
        """Count something worth telling that needs no mending; ``case`` says where."""
        if count:
            self.notes[fact] += count
        kept = self.noted.setdefault(fact, []) if case else []
        if case and len(kept) < EXAMPLES_KEPT:
            kept.append(case)

    def remark(self, line: str) -> None:
        """Keep a line that is worth reading, once."""
        if line not in self.remarks:
            self.remarks.append(line)

    def first_reasons(self, count: int = 3) -> str:
        """Return how many problems there were and the first of them, in one line; "" where there were none."""
        if not self.total:
            return ""
        kinds = ", ".join(f"{number} x {kind}" for kind, number in self.counts.most_common())
        shown = [message for kind, _ in self.counts.most_common() for message in self.examples[kind]][:count]
        return f"{kinds}: {'; '.join(shown)}"

    @property
    def total(self) -> int:
        """Number of problems of all kinds."""
        return self.counts.total()

    def lines(self, examples: int = 3, cases: int = 0) -> list[str]:
        """Return the summary as text lines: one per kind with its count, then up to ``examples`` cases of each.

        Args:
            examples: cases of each problem.
            cases: of each fact that is none.
        """
        lines = list(self.remarks)
        for fact, count in sorted(self.notes.items()):
            shown = self.noted.get(fact, [])[:cases]
            lines += [f"{count} x {fact}", *(f"  {case}" for case in shown)]
            if shown and count > len(shown):
                lines.append(f"  ... and {count - len(shown)} more")
        for kind, count in sorted(self.counts.items()):
            lines.append(f"skipped {count} x {kind}")
            shown = self.examples[kind][:examples]
            lines += [f"  {message}" for message in shown]
            if count > len(shown):
                lines.append(f"  ... and {count - len(shown)} more")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return counts, examples and notes as JSON-like values."""
        return {"counts": dict(self.counts), "examples": self.examples, "notes": dict(self.notes),
                "noted": self.noted, "remarks": self.remarks}  # fmt: skip
