"""The table of the original's flags in ``coming-from-uhd.md``, made from the program itself.

    python docs/flag_table.py [--check]

What a flag does is its ``--help``, its default that of the preset ``uhd`` beside the original's; only what differs and
why is written here. ``tests/cli/test_flag_table.py`` fails when the page and the program disagree.
"""

from __future__ import annotations

import csv
import dataclasses
import re
import sys
from pathlib import Path

from uhd.cli.flags import Flags, PrintedConfig
from uhd.cli.parser import to_text
from uhd.cli.scripts import SCRIPTS
from uhd.config import flag_of, knob_of, preset

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "coming-from-uhd.md"
FLAGS = ROOT / "tests" / "cli" / "original_flags.csv"
START, END = "<!-- flags: python docs/flag_table.py -->", "<!-- end of flags -->"
# Our command whose defaults stand beside the original's.
OURS = {
    "train.py": "uhd train",
    "uhd/quantize_onnx_model_for_esp32.py": "uhd export --format espdl",
    "export_cpp.py": "uhd export --format c",
    "uhd_keras.train": "uhd train",
}
# Whose defaults a script has.
PRESETS = {"uhd_keras.train": "keras"}
# What happens under a flag that is not what happened there, and why.
DIFFERENT = {
    "train.py --activation": "checkpoints keep theirs; only a typed flag changes it",
    "train.py --anchor-assigner": "`simota` lets its cost decide, as in the paper; `simota-legacy` is the original's",
    "train.py --anchor-cls-loss": "`vfl` is the paper's; `vfl-legacy` is the original's, averaged over all cells",
    "train.py --anchors": "wins over those of a checkpoint, which the original let win",
    "train.py --aug-config": "operations run in the order listed; unknown names and keys are warned about",
    "train.py --auto-anchors-plot": "the same picture, without a display",
    "train.py --backbone-skip": "without the dead last projection, which is read and dropped from old checkpoints",
    "train.py --ckpt": "read with weights only; only typed flags override what the file says, and one line tells",
    "train.py --ckpt-non-strict": "the tensors that were left out are named",
    "train.py --coco-eval": "works for every architecture; there it did nothing for `cnn` and `ultratinyod`",
    "train.py --conf-thresh": "AP counts everything above 0.001; this cuts the `mAP@0.5 (original)` only",
    "train.py --device": "without a GPU it trains on the CPU and says so",
    "train.py --distill-box-l1": "reaches the weights for every architecture; the transformer's had no gradient",
    "train.py --distill-feat": "the adapter is trained; there it was made after the optimiser",
    "train.py --eval-interval": "images without people count, and AP is not cut by `--conf-thresh`",
    "train.py --exp-name": "a folder that holds a run is not overwritten without `--overwrite`",
    "train.py --image-dir": "sorted, recursive, any case; images without labels stay; nothing is written there",
    "train.py --loss-weight-obj": "also a recipe's weight: `uhd train` uses its own objective",
    "train.py --num-workers": "0 works, and any number gives the same batches",
    "train.py --override-from-teacher-anchors": "before the optimiser is made, so new heads are trained",
    "train.py --resume": "continues bit for bit: schedule, EMA, optimiser, random numbers",
    "train.py --teacher-backbone": "rotary positions and registers are right; a file that does not fit is refused",
    "train.py --teacher-ckpt": "its EMA weights are used where it has them",
    "train.py --train-list": "the lists of a split go to the run's folder, not beside your data",
    "train.py --use-amp": "bf16 or fp16 on a GPU; without one it is off and says so",
    "train.py --val-only": "needs no training images",
    "export_onnx.py --dynamic-resize": "exact index arithmetic instead of ONNX Resize, which differs from OpenCV",
    "export_onnx.py --noconcat-box-obj-quality-cls": "one layout, anchor by anchor; the old file's order was wrong",
    "export_onnx.py --opset": "the exporter that keeps the node names is used on every torch",
    "export_onnx.py --output": "an existing file is replaced only when the new one is complete",
    "export_onnx.py --verify": "every form and architecture is always compared; the flag prints the difference",
    "demo_uhd.py --quality-power": "what the file says, unless you type it",
    "demo_uhd.py --score-mode": "what the file or its network says, unless you type it",
    "demo_uhd.py --swap-logit-samples": "outputs are told apart by name",
    "demo_uhd_lite.py --topk-before-conf": "the best boxes above a threshold are the same either way",
    "uhd_keras.train --aug-config": "drawn anew in every epoch; there epoch 1 came again in all others",
    "uhd_keras.train --assigner": "`simota` runs; there it ended in an error",
    "uhd_keras.train --ckpt-out": "the run folder; there it was overwritten with `runs/<exp-name>`",
    "uhd_keras.train --cls-loss-type": "`vfl` is the paper's; there negatives taught nothing",
    "uhd_keras.train --conf-thresh": "cuts the `mAP@0.5 (original)` only; there it was not read, and 0.3 cut every AP",
    "uhd_keras.train --distill-weight": "a factor on our terms; there the squared difference of raw logits",
    "uhd_keras.train --exp-name": "a run that was there is moved aside, never written over",
    "uhd_keras.train --image-dir": "also subfolders; sorted, so the split is the same on every machine",
    "uhd_keras.train --log-dir": "the run folder unless typed",
    "uhd_keras.train --resume": "continues bit for bit; there the settings were never read back",
    "uhd_keras.train --teacher-ckpt": "a `.pt`, `.safetensors` or `.keras` of any width; transformers are refused",
    "uhd_keras.train --use-ema": "what is measured is what is saved, with a ramp",
    "uhd_keras.train --val-split": "the two shares are scaled to a sum of 1, as there",
    "uhd/quantize_onnx_model_for_esp32.py --auto-int16-depthwiseconv": "found by their weights, whatever their name",
    "uhd/quantize_onnx_model_for_esp32.py --espdl-model": "the `.npy` files are named after it",
    "uhd/quantize_onnx_model_for_esp32.py --img-size": "the model's own; another one is an error",
    "uhd/quantize_onnx_model_for_esp32.py --int16-op-pattern": "names of both generations; one without a match is said",
    "uhd/quantize_onnx_model_for_esp32.py --onnx-model": "a checkpoint will do as well",
    "uhd/quantize_onnx_model_for_esp32.py --resize-mode": "what the model's metadata says comes first",
    "uhd/uhd_qat.py --momentum": "Nesterov's, as in every run",
    "uhd/uhd_qat.py --save-dir": "an earlier run there is moved aside, not written over; `--resume` continues it",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One flag: its name, the original's default, ours where another, what it does, what differs."""

    flag: str
    there: str
    ours: str
    does: str
    differs: str


def flags_of(script: str) -> Flags:
    """Return the flags a script understands."""
    found: list[Flags] = []
    genuine = Flags.resolve

    def stop(flags: Flags, _argv: object) -> None:
        found.append(flags)
        raise PrintedConfig

    Flags.resolve = stop  # type: ignore[method-assign,assignment]
    try:
        SCRIPTS[script]([])
    finally:
        Flags.resolve = genuine  # type: ignore[method-assign]
    return found[0]


def rows_of(script: str) -> list[Row]:
    """Return the rows of one script in the original's order, shortcuts such as ``--torch_nearest`` left out."""
    flags = flags_of(script)
    fields = {}
    for kind in flags.kinds:
        for field in dataclasses.fields(kind):
            fields.setdefault(f".{field.name}", (field, kind))
    # Shortcuts and negations lead to the field that they set.
    ours = {name: fields[a.dest] for a in flags.parser._actions if a.dest in fields for name in a.option_strings}
    rows = []
    for listed in csv.DictReader(FLAGS.open()):
        if listed["script"] != script or listed["flag"].startswith(("--torch_", "--opencv_", "--keras_")):
            continue
        flag = listed["flag"].replace("_", "-")
        if not flag.startswith("--"):
            continue
        field, kind = ours[flag]
        default = to_text(getattr(preset(kind, "uhd"), field.name)).replace("%%", "%")
        theirs = to_text(getattr(preset(kind, PRESETS.get(script, "original")), field.name)).replace("%%", "%")
        does = re.sub(r"\s*\(default[^)]*\)", "", knob_of(field).help)
        does = f"off: {does}" if flag.startswith("--no-") and f"--{flag_of(field)}".replace("_", "-") != flag else does
        rows.append(
            Row(
                listed["flag"],
                listed["default in code"] or "none",
                default if default != theirs else "",
                does,
                DIFFERENT.get(f"{script} {flag}", ""),
            )
        )
    return rows


def table() -> str:
    """Return the tables of all scripts as Markdown."""
    parts = []
    for script in SCRIPTS:
        rows = rows_of(script)
        if not rows:
            continue
        other = f"| default of `{OURS[script]}` " if script in OURS else ""
        parts.append(f"### `{script}`\n\n| flag | default {other}| what it does | what differs, and why |")
        parts.append(f"|---|---|{'---|' if other else ''}---|---|")
        for row in rows:
            cells = [f"`{row.flag}`", row.there, *([row.ours] if script in OURS else []), row.does, row.differs]
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts)


def page() -> str:
    """Return the page with its tables as they have to be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    return f"{before}{START}\n\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(page() != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page(), encoding="utf-8")
