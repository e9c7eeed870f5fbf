"""``uhd export`` and the original's export scripts: a model file becomes another kind of file."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, Resolved
from uhd.cli.interrupts import orderly_stop
from uhd.cli.output import claim
from uhd.cli.overrides import changes_of, override_config
from uhd.cli.parser import Parser, dash_name
from uhd.cli.settings_file import read_settings
from uhd.data.config import DataConfig
from uhd.errors import UserError
from uhd.export.config import ExportConfig
from uhd.export.target import Target
from uhd.export.targets import TARGETS, target_of
from uhd.model_file import PACKAGED, model_file

if TYPE_CHECKING:
    from uhd.export.open_model import Opened


def main(argv: Sequence[str], program: str = "uhd export", default_preset: str = "uhd") -> int:
    """Export; returns the exit code."""
    name = _format(argv)
    target = target_of(name)
    kinds = (ExportConfig, target.config)
    taken = frozenset(field.name for kind in kinds for field in dataclasses.fields(kind))
    overrides = override_config(taken)
    shown = program if name == "onnx" else f"{program} --format {name}"
    about = f"{target.about}\n\nFormats: {', '.join(TARGETS)}; --format NAME --help lists the flags of another."
    flags = Flags(shown, about, (*kinds, overrides), default_preset)
    flags.add_positional("source", nargs="?", type=Path, help=f"{', '.join(target.reads)} or a run folder")
    flags.add_positional("result", nargs="?", type=Path, help="what to write, as --output", fills="output")
    return export(target, flags.resolve(argv), overrides)


def export(target: Target, resolved: Resolved, overrides: type[Any] | None = None) -> int:
    """Write what a command line asks of a target; returns the exit code.

    Args:
        target: of the format.
        resolved: with an :class:`ExportConfig` and the target's own settings.
        overrides: configuration of what replaces the checkpoint's architecture.
    """
    config, own = resolved[ExportConfig], resolved[target.config]
    source, path = _paths(target, resolved)
    suffix = target.suffix_of(own)
    if suffix:
        claim(path, (suffix,), [source], DataConfig(image_dir=config.threshold_data))
    if suffix and path.suffix.lower() != suffix:
        raise UserError(f"{path}: the file's name must end in {suffix}, by which it is known again")
    target.check(own, path)
    if config.threshold is not None and config.threshold_data is not None:
        raise UserError("--threshold gives the score that --threshold-data would choose: leave one of the two out")

    from uhd.export.open_model import open_model

    asked = "img_size" in resolved.typed
    with _telling(source, path) as reach, orderly_stop() as go_on:
        opened = open_model(
            source,
            config.ema,
            not config.non_strict,
            size=config.img_size if asked else None,
            changes=None if overrides is None else lambda arch: changes_of(resolved[overrides], arch),
            licence=config.licence,
            version=config.model_version,
            measured_on=config.measured_on,
            arch=config.arch,
        ).suppressed_by(config.nms_type)
        kind = opened.card.suppression.kind
        if target.greedy_only and kind != "greedy":
            print(f"{path} suppresses duplicates greedily: it has no {kind}")
            opened = opened.suppressed_by("greedy")
        opened = opened.recommending(_threshold(opened, config))
        reach(f"after reading {source}")

        def say(line: str) -> None:
            go_on()
            reach(f'after "{line}"')
            print(line, flush=True)

        done = target.write(opened, path, own, say)
    for file in done.files:
        print(f"wrote {file} ({file.stat().st_size / 1e3:.1f} kB)")
    for note in done.notes:
        print(note)
    if done.files and done.files[0].suffix in (".onnx", ".tflite", ".espdl", ".c"):
        made = shlex.quote(str(done.files[0]))
        known = next((name for name, stem in PACKAGED.items() if source.stem == stem), shlex.quote(str(source)))
        print(f"next: uhd predict photo.jpg --model {made}, or uhd compare {known} {made} --data PHOTOGRAPHS")
    return 0


def _threshold(opened: Opened, config: ExportConfig) -> float | None:
    if config.threshold_data is None:
        return config.threshold
    from uhd.export.threshold import choose_threshold

    found = choose_threshold(opened, config.threshold_data)
    print(f"least score {found:.3f}: the best F1 on the training part of {config.threshold_data}")
    return found


@contextlib.contextmanager
def _telling(source: Path, path: Path) -> Iterator[Callable[[str], None]]:
    """Say of an export that is stopped how far it got, and whether its file is there; yields what takes the place."""
    place = [f"before {source} was read"]
    before = _changed_at(path)
    try:
        yield lambda where: place.append(where)
    except KeyboardInterrupt:
        written = _changed_at(path) != before
        raise KeyboardInterrupt(f"{place[-1]}; {path} was {'' if written else 'not '}written") from None


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _format(argv: Sequence[str]) -> str:
    """Return the format that a command line or its settings file names; which flags there are depends on it."""
    parser = Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--format", nargs="?", const="")
    parser.add_argument("--config", type=Path, nargs="?")
    end = list(argv).index("--") if "--" in argv else len(argv)
    known, _ = parser.parse_known_args([dash_name(word) for word in argv[:end]])
    found = getattr(known, "format", None)
    if found is None:
        found = read_settings(getattr(known, "config", None)).get("format", "onnx")
    return str(found)


def _paths(target: Target, resolved: Resolved) -> tuple[Path, Path]:
    """Return the model to read and the file to write.

    Raises:
        UserError: no model is named, or one that this target cannot be made from.
    """
    config = resolved[ExportConfig]
    positional, output = resolved.positional.get("source"), config.output
    if positional and output is None and (config.checkpoint or config.weights):
        positional, output = None, positional
    typed = resolved.typed | ({"onnx_model"} if positional else set())
    named, result = target.named(resolved[target.config], typed)
    found = positional or config.checkpoint or config.weights or named
    if found is None:
        raise UserError("which model? give a checkpoint: --checkpoint FILE")
    source = model_file(found, target.reads)
    suffix = source.suffix.lower()
    if suffix not in target.reads:
        what = f"is {suffix} already" if suffix == target.suffix else f"is not a file of {', '.join(target.reads)}"
        raise UserError(f"{source}: {what}; it is written from a checkpoint ({' or '.join(target.reads)})")
    default = target.default_path(source)
    if target.suffix and not target.suffix_of(resolved[target.config]):
        default = default.with_suffix("")
    return source, output or result or default
