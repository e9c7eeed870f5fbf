"""The original's commands and flags are understood, with its defaults."""

from __future__ import annotations

import ast
import csv
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from uhd.cli import original
from uhd.cli.flags import Flags
from uhd.cli.later import LaterTrainConfig
from uhd.config import flag_of, knob_of

HERE = Path(__file__).parent
COMMANDS = (HERE / "original_commands.txt").read_text().splitlines()
FLAGS = list(csv.DictReader((HERE / "original_flags.csv").open()))
SCRIPTS: dict[str, Callable[[list[str]], int]] = {
    "train.py": original.train,
    "export_onnx.py": original.export,
    "demo_uhd.py": original.demo,
    "demo_uhd_lite.py": original.demo_lite,
    "profile_onnx.py": original.profile,
}
# Written by hand where the later version changed a default: the first README is the contract.
REQUIRED = {"demo_uhd.py": ["--images", "x"], "train.py": [], "export_onnx.py": []}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script, *arguments = shlex.split(command)
    assert SCRIPTS[script]([*arguments, "--print-config"]) == 0
    assert capsys.readouterr().out.startswith("preset: original")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", FLAGS, ids=[f"{row['script']} {row['flag']}" for row in FLAGS])
def test_flags_are_known_and_take_their_choices(row: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    script, flag = SCRIPTS[row["script"]], row["flag"]
    if flag in ("--no-ema", "--no-merge-postprocess", "--no-decompose-bn") or row["kind"] in ("switch", "shortcut"):
        assert script([flag, "--print-config"]) == 0
        return
    choices = list(ast.literal_eval(row["choices"])) if row["choices"] else []
    values = [str(choice) for choice in choices if choice is not None]
    if not values:
        values = [{"int": "8", "float": "0.25"}.get(row["type"], "32x32" if flag == "--img-size" else "")]
        values = [
            v
            or {
                "--classes": "0,1",
                "--anchors": "0.1,0.2",
                "--backbone-channels": "8,16",
                "--backbone-blocks": "1,2",
                "--camera": "0",
                "--input-shape": "1,3,64,64",
            }.get(flag, "x")
            for v in values
        ]
    for value in values:
        assert script([flag, value, "--print-config"]) == 0, (flag, value, capsys.readouterr().err)


def test_defaults_of_the_training_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert original.train(["--print-config"]) == 0
    found = yaml.safe_load(capsys.readouterr().out)
    different = {}
    for row in FLAGS:
        if row["script"] != "train.py" or row["kind"] not in ("value", "switch") or not row["default in code"]:
            continue
        key = row["flag"].strip("-").replace("-", "_")
        wanted = row["default in code"]
        value = found[key]
        if isinstance(value, list):
            value = "x".join(map(str, value)) if key == "img_size" else ",".join(map(str, value))
        same = float(wanted) == float(value) if row["type"] in ("int", "float") else wanted == str(value)
        if not same:
            different[key] = (wanted, value)
    assert different == {}


def test_every_later_flag_is_refused_when_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = Flags("train.py", "", (LaterTrainConfig,), "original")
    assert flags.kinds
    for field in dataclasses.fields(LaterTrainConfig):
        hint, choices = str(field.type), knob_of(field).choices
        flag = f"--{flag_of(field)}"
        default = field.default
        if hint == "bool":
            given = [flag]
        elif choices:
            given = [flag, next(str(c) for c in choices if c != default)]
        else:
            given = [flag, "12"]
        assert original.train(["--arch", "ultratinyod", "--image-dir", str(tmp_path), *given]) == 2, flag
        assert "not available yet" in capsys.readouterr().err, flag
