"""``uhd refer val``: measure a model of this task on pictures with descriptions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags, warn
from uhd.cli.output import claim_json, say_beside, write_json
from uhd.config import knob
from uhd.data.config import DataConfig
from uhd.errors import UserError
from uhd.refer.config import ReferDataConfig
from uhd.resize import format_size


@dataclass(frozen=True)
class ReferValConfig:
    """What is measured, and where the figures go."""

    model: Path | None = knob(None, "model of this task (default: the one that comes with uhd)")
    json: Path | None = knob(None, "write the figures as JSON; - writes to standard output")


def main(argv: Sequence[str]) -> int:
    """Measure; returns the exit code."""
    about = "Measure texts, places, and the controls: shuffled texts, empty texts, texts that differ in one word."
    flags = Flags("uhd refer val", about, (ReferValConfig, ReferDataConfig))
    flags.add_positional("data", nargs="?", type=Path, help="folder or RefHuman_val.json", fills="data")
    resolved = flags.resolve(argv)
    config, data = resolved[ReferValConfig], resolved[ReferDataConfig]
    claim_json(config.json, data=DataConfig(image_dir=data.data))

    from uhd.cli.refer.predict import open_referrer
    from uhd.refer.data import open_val
    from uhd.refer.evaluate import evaluate_refer

    if data.data is None:
        raise UserError("uhd refer val needs a data set: uhd refer val world/ --model refer.onnx")
    finder = open_referrer(config.model).finder
    for name in ("img_size", "resize_mode"):
        if name in resolved.typed:
            warn(f"--{name.replace('_', '-')} is without effect: the model's own is taken")
    data = dataclasses.replace(data, img_size=finder.size, resize_mode=finder.resize_mode)
    dataset, problems = open_val(data)
    for line in problems.lines():
        say_beside(config.json, line)
    texts = sum(len(said) for record in dataset.records for said in record.objects.targets.texts or ())
    size = f"{format_size(finder.size)} {finder.resize_mode}"
    say_beside(config.json, f"{config.model or 'the model in the package'}  {size}")
    say_beside(config.json, f"{data.data}  part val  {len(dataset)} pictures with {texts} texts")
    report = evaluate_refer(finder, dataset, finder.resize_mode)
    say_beside(config.json, report.to_text())
    write_json(config.json, {"groups": report.groups, "prompts": report.counts, "chance": report.chance})
    return 0
