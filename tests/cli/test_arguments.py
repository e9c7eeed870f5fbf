"""Flags, YAML files and presets become configurations, and mistakes become one line that helps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from uhd.cli.flags import Flags, PrintedConfig, Resolved
from uhd.cli.train import flags_of as of_train
from uhd.cli.val import flags_of as of_val
from uhd.config import PRESETS, knob, preset
from uhd.data.config import DataConfig
from uhd.errors import UserError


@dataclass(frozen=True)
class Oven:
    """Something to configure."""

    max_heat: float = knob(200.0, "degrees", minimum=0, original=180.0)
    use_fan: bool = knob(True, "turn the air")
    grill: bool = knob(False, "heat from above")
    mode: str = knob("bread", "what is baked", choices=("bread", "cake"), shortcuts={"bake_cake": "cake"})
    label: str | None = knob(None, "name (default: the mode)")
    rests: tuple[float, ...] = knob((), "minutes in which nothing is baked", minimum=0)


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
    assert message("--config", str(file), "--max-heat", "-1").startswith("--max-heat: -1.0 must be at least")


@pytest.mark.parametrize(
    "text", ["1: 2", "null: 2", "max_heta: 2", "- 1", "max_heat: {a: 1}", "preset: [1]", "a: [", "x"]
)
def test_bad_files_are_user_errors(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert "\n" not in message("--config", str(tmp_path / "c.yaml"))


@pytest.mark.parametrize("text", ["[1, 2]", "{a: 1}", "2020-01-01", "hot"])
def test_values_of_another_kind_are_told_plainly(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"max_heat: {text}")
    assert message("--config", str(tmp_path / "c.yaml")).endswith(" is not a number")


def test_a_list_may_be_one_value_and_numbers_texts(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("max_heat: 1e-3\nrests: 5\n")
    assert (found := resolve("--config", str(tmp_path / "c.yaml"))[Oven]).rests == (5.0,)
    assert found.max_heat == 1e-3
    assert (
        message("--config", str(tmp_path / "no.yaml")) == f"--config {tmp_path / 'no.yaml'}: No such file or directory"
    )


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
    assert text.count("(default") == 7  # six knobs and --preset


def test_the_printed_settings_repeat_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    with pytest.raises(PrintedConfig):
        resolve("bread.txt", "salt", "--grill", "--print-config")
    file.write_text(capsys.readouterr().out)
    again = resolve("--config", str(file))
    assert again.positional == {"things": [Path("bread.txt"), Path("salt")]}
    assert (again.typed, again[Oven]) == ({"grill"}, Oven(grill=True))
    assert resolve("pepper", "--config", str(file)).positional == {"things": [Path("pepper")]}


def test_an_argument_may_set_a_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = Flags("oven", "Bake.", (Oven,))
    flags.add_positional("name", help="what it is called", fills="label")
    assert flags.resolve(["rye"])[Oven] == flags.resolve(["--label", "rye"])[Oven] == Oven(label="rye")
    assert flags.resolve(["rye"]).typed == {"label"}
    with pytest.raises(PrintedConfig):
        flags.resolve(["rye", "--print-config"])
    (tmp_path / "c.yaml").write_text(capsys.readouterr().out)
    assert flags.resolve(["--config", str(tmp_path / "c.yaml")])[Oven] == Oven(label="rye")


@pytest.mark.parametrize("verb", [["train", "photos", "--variant", "R"], ["data", "stats", "photos", "--seed", "3"]])
def test_what_a_verb_prints_repeats_it(verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from uhd.cli import main

    assert main([*verb, "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "image_dir: photos" in printed
    assert "variant: R" not in printed or "cnn_width: 16" in printed
    (tmp_path / "c.yaml").write_text(printed)
    name = verb[:2] if verb[0] == "data" else verb[:1]
    assert main([*name, "--config", str(tmp_path / "c.yaml"), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


def test_the_short_help_lists_names_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        resolve("-h")
    text = capsys.readouterr().out
    assert "--max-heat --use-fan --grill --mode --label" in " ".join(text.split())
    assert "degrees" not in text
    assert "oven --help says what each does" in text


def test_flags_kept_for_old_commands_say_that_they_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass(frozen=True)
    class Old:
        steam: bool = knob(False, "", ineffective="dough brings its own")

    Flags("oven", "Bake.", (Old,)).resolve([])
    assert capsys.readouterr().err == ""
    Flags("oven", "Bake.", (Old,)).resolve(["--steam"])
    assert capsys.readouterr().err == "--steam is without effect: dough brings its own\n"


def test_every_preset_has_defaults_of_its_own_where_they_differ() -> None:
    @dataclass(frozen=True)
    class Pan:
        size: int = knob(1, "", original=2, presets={"keras": 3})
        lid: int = knob(4, "", keras=5)

    expected = dict.fromkeys(PRESETS, Pan(1, 4)) | {"original": Pan(2, 4), "keras": Pan(3, 5)}
    assert {name: preset(Pan, name) for name in PRESETS} == expected


def test_two_data_sets_are_refused_and_a_file_gives_way(tmp_path: Path) -> None:
    for flags, flag in ((of_train(), "--image-dir"), (of_val(), "--data")):
        with pytest.raises(UserError, match=f"a and {flag} b: two data sets are named"):
            flags.resolve(["a", flag, "b"])
        flags.resolve(["a", flag, "./a"])
    file = tmp_path / "c.yaml"
    file.write_text("image_dir: b\n")
    assert of_train().resolve(["a", "--config", str(file)])[DataConfig].image_dir == Path("a")
