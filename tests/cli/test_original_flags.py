"""The original's commands and flags are understood, with its defaults."""

from __future__ import annotations

import ast
import csv
import shlex
from pathlib import Path

import pytest
import yaml

from uhd.cli.scripts import SCRIPTS

HERE = Path(__file__).parent
COMMANDS = (HERE / "original_commands.txt").read_text().splitlines()
FLAGS = list(csv.DictReader((HERE / "original_flags.csv").open()))


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
    negations = ("--no-ema", "--no-merge-postprocess", "--no-decompose-bn", "--no-equalization")
    if flag in negations or row["kind"] in ("switch", "shortcut"):
        assert script([flag, "--print-config"]) == 0
        return
    choices = list(ast.literal_eval(row["choices"])) if row["choices"] else []
    values = [str(choice) for choice in choices if choice is not None]
    if not values:
        number = {"int": "8", "float": "0.25"}.get(row["type"])
        values = [
            {
                "--img-size": "32x32",
                "--classes": "0,1",
                "--multi-label-det-classes": "0,1",
                "--multi-label-attr-classes": "2,3",
                "--anchors": "0.1,0.2",
                "--backbone-channels": "8,16",
                "--backbone-blocks": "1,2",
                "--camera": "0",
                "--names": str(HERE / "names.txt"),
                "--class-ids": "0,1",
                "--resize-mode": "opencv_inter_nearest",
                "--calib-algorithm": "kl",
                "--score-mode": "quality_cls",
                "--equalization-opt-level": "1",
                "--input-shape": "1,3,64,64",
            }.get(flag, number or "x")
        ]
    for value in values:
        assert script([flag, value, "--print-config"]) == 0, (flag, value, capsys.readouterr().err)


@pytest.mark.parametrize("script", ["train.py", "uhd/uhd_qat.py"])
def test_defaults(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert SCRIPTS[script](["--print-config"]) == 0
    found = yaml.safe_load(capsys.readouterr().out)
    different = {}
    for row in FLAGS:
        if row["script"] != script or row["kind"] not in ("value", "switch") or not row["default in code"]:
            continue
        key = row["flag"].strip("-").replace("-", "_")
        wanted = row["default in code"].strip("'").replace("None", "")
        value = "" if found[key] is None else found[key]
        if isinstance(value, list):
            value = "x".join(map(str, value)) if key == "img_size" else ",".join(map(str, value))
        same = float(wanted) == float(value) if row["type"] in ("int", "float") else wanted == str(value)
        if not same:
            different[key] = (wanted, value)
    assert different == {}
