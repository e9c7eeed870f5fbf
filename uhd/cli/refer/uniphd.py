"""HuMAR's root script ``main.py``: its flags and its Python configuration, our training behind them."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uhd.cli import guarded
from uhd.cli.flags import warn
from uhd.errors import UserError
from uhd.refer.combinations import QUERIES, SCALES

_DATA = "datasets/RefHuman"  # where its page keeps them
_PARTS = {"transformer_type": "fully_conv_optim", "text_encoder_type": "minilm", "backbone": "segformer_b0"}
# Its names, and our flags that mean the same.
_SAME = {
    "batch_size": "--batch-size", "epochs": "--epochs", "lr": "--lr", "weight_decay": "--weight-decay",
    "lr_warmup_steps": "--warmup-steps", "hidden_dim": "--hidden-dim", "num_queries": "--num-queries",
    "enc_layers": "--enc-layers", "dec_layers": "--dec-layers", "num_workers": "--num-workers", "seed": "--seed",
    "device": "--device", "resume": "--resume",
}  # fmt: skip


def read_assignments(path: Path) -> dict[str, Any]:
    """Return the names that a Python file gives a literal, such as ``lr = 1e-4``; nothing in it is run.

    Raises:
        UserError: it cannot be read, or is no Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
        raise UserError(f"--config {path}: cannot be read as Python: {' '.join(str(error).split())}") from None
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                warn(f"{path}:{node.lineno}: {node.targets[0].id} is no literal and is left out")
    return found


def training_words(config: Mapping[str, Any], given: Mapping[str, Any], rest: Sequence[str]) -> list[str]:
    """Return the command line of ``uhd refer train`` for values of a configuration and flags, which win.

    Raises:
        UserError: a transformer that is none.
    """
    values = {**_PARTS, **config, **given}
    kind = str(values["transformer_type"])
    if kind not in SCALES:
        raise UserError(f"transformer_type {kind!r}: choose from {', '.join(SCALES)}")
    width, encoder, decoder = SCALES[kind]
    sizes = {"hidden_dim": width, "enc_layers": encoder, "dec_layers": decoder, "num_queries": QUERIES}
    values = sizes | values
    output = Path(str(values.get("output_dir") or "outputs"))
    words = [str(values.get("coco_path") or _DATA), "--output", str(output.parent), "--exp-name", output.name]
    for name in _PARTS:
        words += ["--" + name.replace("_", "-"), str(values[name])]
    for name, flag in _SAME.items():
        if values.get(name) not in (None, ""):
            words += [flag, str(values[name])]
    unknown = sorted(set(config) - set(_PARTS) - set(_SAME) - {"output_dir", "coco_path"} - {"_base_"})
    if unknown:
        warn(f"settings without a meaning here: {', '.join(unknown)}")
    return [*words, *rest]


def train(argv: Sequence[str] | None = None) -> int:
    """``main.py``: train as HuMAR's page says; flags of ``uhd refer train`` are taken as well."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _train(arguments))


def _train(argv: Sequence[str]) -> int:
    from uhd.cli.refer.train import main

    parser = argparse.ArgumentParser("main.py", description=train.__doc__, allow_abbrev=False)
    parser.add_argument("-c", "--config", "--config_file", type=Path, required=True, help="file like config/uniphd.py")
    for name in ("coco_path", "output_dir", *_PARTS, *_SAME):
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}", dest=name, default=argparse.SUPPRESS)
    known, rest = parser.parse_known_args(list(argv))
    given = {name: value for name, value in vars(known).items() if name != "config"}
    return main(training_words(read_assignments(known.config), given, rest))
