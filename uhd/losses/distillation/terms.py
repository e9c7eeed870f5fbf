"""What a student learns from the predictions of a teacher with the same kind of head: terms, weights, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from uhd.losses.distillation.dense import aligned, paired, read_dense
from uhd.losses.distillation.foreground import foreground_terms
from uhd.losses.distillation.original import original_terms
from uhd.losses.distillation.queries import query_terms
from uhd.models.network import AnchorNetwork, DetectorNetwork, Raw

Pairs = tuple[int, ...] | None
Terms = Callable[[DetectorNetwork, Raw, DetectorNetwork, Raw, frozenset[str], float, bool, Pairs], dict[str, Tensor]]
Refusals = Callable[[DetectorNetwork, DetectorNetwork, bool], dict[str, str]]


@dataclass(frozen=True)
class HeadTerms:
    """The face of a kind of head towards distillation.

    Attributes:
        weights: term -> what it counts for when the user does not say.
        terms: student, its raw maps, teacher, its raw maps, wanted terms, temperature, whether as the original does,
            pairs -> terms, unweighted. Pairs say which anchor of the teacher teaches each of the student's, see
            :func:`~uhd.losses.distillation.dense.paired`; None where both have the same.
        refusals: student, teacher, whether as the original does -> term -> why it has no meaning for this pair.
    """

    weights: dict[str, float]
    terms: Terms
    refusals: Refusals


def _dense(
    student: DetectorNetwork,
    raw: Raw,
    teacher: DetectorNetwork,
    taught: Raw,
    wanted: frozenset[str],
    temperature: float,
    original: bool,
    pairs: Pairs,
) -> dict[str, Tensor]:
    if original:
        return original_terms(student, raw, teacher, taught, wanted, temperature)
    mine = read_dense(student, raw)
    theirs = aligned(read_dense(teacher, taught), mine.grid)
    return foreground_terms(mine, theirs if pairs is None else paired(theirs, pairs), wanted, temperature)


def _queries(
    student: DetectorNetwork,
    raw: Raw,
    teacher: DetectorNetwork,
    taught: Raw,
    wanted: frozenset[str],
    temperature: float,
    original: bool,
    pairs: Pairs,
) -> dict[str, Tensor]:
    del student, teacher, pairs
    return query_terms(raw, taught, wanted, temperature, original)


def _lacking_anchor(student: DetectorNetwork, teacher: DetectorNetwork, original: bool) -> dict[str, str]:
    assert isinstance(student, AnchorNetwork)
    assert isinstance(teacher, AnchorNetwork)
    a, b = student.layout(), teacher.layout()
    found = {}
    if not a.has_quality or not b.has_quality:
        found["quality"] = f"the {'teacher' if a.has_quality else 'student'} has no quality branch"
    if not a.num_classes or not b.num_classes:
        found["kl"] = f"the {'teacher' if a.num_classes else 'student'} is classless"
    if original and a.num_anchors != b.num_anchors:
        counts = f"the teacher has {b.num_anchors} anchors, the student {a.num_anchors}"
        mend = "use --distill-objective foreground, or --override-from-teacher-anchors"
        found |= dict.fromkeys(("kl", "box_l1", "obj", "quality"), f"{counts}: {mend}")
    return found


def _lacking_branches(student: DetectorNetwork, teacher: DetectorNetwork, original: bool) -> dict[str, str]:
    del teacher, original
    return dict.fromkeys(("obj", "quality"), f"{name_of(student)} has no such branch")


def _lacking_ltrb(student: DetectorNetwork, teacher: DetectorNetwork, original: bool) -> dict[str, str]:
    found = _lacking_branches(student, teacher, original)
    if original:
        found |= dict.fromkeys(("kl", "box_l1"), "the original has no such head: use --distill-objective foreground")
    return found


def _lacking_queries(student: DetectorNetwork, teacher: DetectorNetwork, original: bool) -> dict[str, str]:
    found = _lacking_branches(student, teacher, original)
    count = teacher.config.num_queries, student.config.num_queries
    if original and count[0] != count[1]:
        reason = f"the teacher has {count[0]} queries, the student {count[1]}: use --distill-objective foreground"
        found |= dict.fromkeys(("kl", "box_l1"), reason)
    return found


def name_of(network: DetectorNetwork) -> str:
    """Return architecture and kind of head, for messages."""
    return f"{network.arch} ({network.kind})"


# By kind of head (:mod:`uhd.heads`).
TERMS: dict[str, HeadTerms] = {
    "anchor": HeadTerms({"kl": 0.2, "box_l1": 20.0, "quality": 20.0, "obj": 1.0, "feat": 0.0}, _dense, _lacking_anchor),
    "centernet": HeadTerms({"kl": 1.0, "box_l1": 1.0, "feat": 0.0}, _dense, _lacking_branches),
    "ltrb": HeadTerms({"kl": 0.2, "box_l1": 20.0, "feat": 0.0}, _dense, _lacking_ltrb),
    "queries": HeadTerms({"kl": 1.0, "box_l1": 2.0}, _queries, _lacking_queries),
}
