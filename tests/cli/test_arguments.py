"""Flags, YAML files and presets become configurations, and mistakes become one line that helps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from uhd.cli.flags import Flags, PrintedConfig, Resolved
from uhd.config import knob
from uhd.errors import UserError


@dataclass(frozen=True)
class Oven:
    """Something to configure."""

    max_heat: float = knob(200.0, "degrees", minimum=0, original=180.0)
    use_fan: bool = knob(True, "turn the air")
    grill: bool = knob(False, "heat from above")
    mode: str = knob("bread", "what is baked", choices=("bread", "cake"), shortcuts={"bake_cake": "cake"})
    label: str | None = knob(None, "name (default: the mode)")


def resolve(*argv: str, many: bool = True) -> Resolved:
    flags = Flags("oven", "Bake.", (Oven,))
    flags.add_positional("things", nargs="*" if many else "?", type=Path, help="what goes in")
    return flags.resolve(argv)


def message(*argv: str, many: bool = True) -> str:
    with pytest.raises(UserError) as caught:
        resolve(*argv, many=many)
    return str(caught.value)


def test_flags_win_over_the_file_which_wins_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("preset: original\nmode: cake\ngrill: true\n")
    found = resolve("--config", str(file), "--mode", "bread")
    assert found[Oven] == Oven(max_heat=180.0, mode="bread", grill=True)
    assert found.typed == {"mode", "grill"}
    assert found.preset == "original"
    assert resolve("--config", str(file), "--preset", "uhd")[Oven].max_heat == 200.0


@pytest.mark.parametrize("spelling", ["--max-heat", "--max_heat"])
def test_underscore_and_dash_are_the_same(spelling: str) -> None:
    assert resolve(spelling, "90")[Oven].max_heat == 90
    assert resolve(f"{spelling}=90")[Oven].max_heat == 90


@pytest.mark.parametrize("off", ["--no-use-fan", "--no-fan", "--no_fan"])
def test_switches_can_be_turned_off(off: str) -> None:
    assert not resolve(off)[Oven].use_fan
    assert resolve(off, "--use-fan")[Oven].use_fan


def test_shortcuts_set_their_value() -> None:
    assert resolve("--bake-cake")[Oven].mode == "cake"


@pytest.mark.parametrize(
    "argv",
    [("a", "b", "--max-heat", "9", "--grill"), ("--max-heat", "9", "a", "--grill", "b"), ("a", "--grill", "b")],
)
def test_arguments_may_stand_before_between_and_after_flags(argv: tuple[str, ...]) -> None:
    found = resolve(*argv)
    assert found.positional["things"] == [Path("a"), Path("b")]
    assert found[Oven].grill


def test_nothing_after_two_dashes_is_a_flag() -> None:
    assert resolve("a", "--", "--max_heat", "--b").positional["things"] == [Path("a"), Path("--max_heat"), Path("--b")]


def test_arguments_left_out_are_absent() -> None:
    assert resolve().positional == {}


def test_wrong_flags_are_named_with_the_nearest_one() -> None:
    assert message("--max-heta", "9") == "unknown flag --max-heta (did you mean --max-heat?)"
    assert message("--max-heta=9") == "unknown flag --max-heta=9 (did you mean --max-heat?)"
    assert message("--zzzzzz") == "unknown flag --zzzzzz; see oven --help"


def test_arguments_beyond_the_last_are_named() -> None:
    assert "'b'" in message("a", "b", many=False)


def test_mistakes_are_blamed_on_where_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("max_heat: -1\n")
    assert message("--config", str(file), "--grill").startswith(f"{file}: max-heat: -1")
    file.write_text("grill: true\n")
    assert message("--config", str(file), "--max-heat", "-1").startswith("flags: max-heat: -1")


@pytest.mark.parametrize(
    "text", ["1: 2", "null: 2", "max_heta: 2", "- 1", "max_heat: {a: 1}", "preset: [1]", "a: [", "x"]
)
def test_bad_files_are_user_errors(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert "\n" not in message("--config", str(tmp_path / "c.yaml"))


def test_values_outside_the_choices_are_refused() -> None:
    assert "bread, cake" in message("--mode", "cakes")
    assert "cake" in message("--mode", "cakes").split("did you mean")[1]


def test_print_config_reads_back_and_needs_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PrintedConfig):
        resolve("--preset", "original", "--mode", "cake", "missing", "--print-config")
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "preset: original"
    (tmp_path / "c.yaml").write_text(printed)
    assert resolve("--config", str(tmp_path / "c.yaml"))[Oven] == Oven(max_heat=180.0, mode="cake")


def test_help_names_every_flag_once_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        resolve("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("usage: oven [flags] [things ...] Bake. things what goes in")
    for part in (
        "degrees (default: 200.0)",
        "turn the air (default: on; off with --no-fan)",
        "heat from above (default: off)",
        "what is baked: bread, cake; also --bake-cake (default: bread)",
        "name (default: the mode)",
    ):
        assert text.count(part) == 1, part
    assert text.count("(default") == 6  # five knobs and --preset
