"""``uhd refer params``: parameters that are claimed, that were measured there, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim_json, say_beside, write_json
from uhd.config import knob

_FIELDS = ("name", "claimed_millions", "measured_there", "ours", "why")


@dataclass(frozen=True)
class ParamsConfig:
    """Where the figures go."""

    json: Path | None = knob(None, "write the figures as JSON; - writes to standard output")


def main(argv: Sequence[str]) -> int:
    """Count; returns the exit code."""
    about = "Parameters of every part and combination: claimed by HuMAR, measured in its code, and ours."
    config = Flags("uhd refer params", about, (ParamsConfig,)).resolve(argv)[ParamsConfig]
    claim_json(config.json)

    from uhd.refer.combinations import COMBINATIONS, EXPERIMENTS
    from uhd.refer.parameters import combination_row, component_rows, table_of

    parts, whole = component_rows(), [combination_row(each) for each in (*COMBINATIONS, *EXPERIMENTS)]
    say_beside(config.json, f"{table_of(parts)}\n\n{table_of(whole)}")
    table = {"parts": parts, "combinations": whole}
    write_json(
        config.json, {key: [dict(zip(_FIELDS, row, strict=True)) for row in rows] for key, rows in table.items()}
    )
    return 0
