from __future__ import annotations

from uhd.evaluation.advice import advise
from uhd.evaluation.compare import Row


def row(name: str, time: float, ap: float) -> Row:
    part = {"p50": time / 2, "p95": 9.0}
    return Row(name, 1, {"p50": 0.0, "p95": 0.0}, part, part, ap, ap, 0.0)


def test_only_what_was_measured_is_ranked() -> None:
    lines = advise([row("wide", 4, 0.5), row("int8", 1, 0.48), row("slow", 5, 0.5), row("half", 2, 0.47)])
    assert lines == [
        "int8: 1.000 ms a frame, AP 0.4800, 0.0200 under the best",
        "half: no reason, int8 is as accurate and not slower",
        "wide: 4.000 ms a frame, AP 0.5000, the best",
        "slow: no reason, wide is as accurate and not slower",
        "take wide: none of the faster ones comes within 0.01 AP",
    ]
    assert (
        advise([row("a", 2, 0.5), row("b", 1, 0.495)])[-1]
        == "take b: within 0.01 AP of the best and 2.00 times as fast"
    )
    assert advise([]) == []
