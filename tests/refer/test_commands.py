"""HuMAR's commands start, its configuration is read and never run, and the files of combinations hold what is said."""

from __future__ import annotations

import runpy
import shlex
import sys
from pathlib import Path

import pytest

import uhd
from tests.refer.small import small_world
from uhd.cli import main
from uhd.cli.refer.train import flags_of
from uhd.cli.refer.uniphd import read_assignments, train, training_words
from uhd.refer.combinations import COMBINATIONS, EXPERIMENTS
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.parameters import combination_row
from uhd.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "uniphd.py"
FIXED = f"--config {CONFIG} --coco_path datasets/RefHuman --output_dir outputs"
# Those of its page; the configuration is edited between them.
COMMANDS = [
    *((f"{FIXED}/{each.name}", each) for each in COMBINATIONS),
    (f"--config {CONFIG} --transformer_type fully_conv_optim --text_encoder_type minilm --backbone segformer_b0 "
     "--output_dir outputs/my_experiment", COMBINATIONS[1]),
    (f"{FIXED}/best_config --batch_size 8", COMBINATIONS[1]),
]  # fmt: skip


def edited(folder: Path, combination) -> Path:
    """Return the configuration with three lines edited, as its page says."""
    text = CONFIG.read_text(encoding="utf-8")
    for name, old, new in (("transformer_type", "fully_conv_optim", combination.transformer),
                           ("text_encoder_type", "minilm", combination.text),
                           ("backbone", "segformer_b0", combination.backbone)):  # fmt: skip
        text = text.replace(f'{name} = "{old}"', f'{name} = "{new}"')
    path = folder / "uniphd.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("command", "combination"), COMMANDS, ids=lambda value: getattr(value, "name", ""))
def test_commands_are_understood(command: str, combination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uhd.cli.refer.train.main", lambda words: taken.append(flags_of().resolve(words)) or 0)
    taken: list = []
    words = shlex.split(command.replace(str(CONFIG), str(edited(tmp_path, combination))))
    assert train(words) == 0
    assert taken[0][ReferModelConfig] == combination.config()
    assert taken[0][TrainConfig].output / taken[0][TrainConfig].exp_name == Path(words[words.index("--output_dir") + 1])
    assert taken[0][TrainConfig].batch_size == (8 if "--batch_size" in words else 16)


@pytest.mark.slow  # pytest -m slow tests/refer/test_commands.py
@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda value: value.name)
def test_commands_start_on_five_pictures(combination, tmp_path: Path) -> None:
    data = small_world(tmp_path / "data", train=5, val=1)
    words = ["--config", str(edited(tmp_path, combination)), "--coco_path", str(data.data)]
    words += ["--output_dir", str(tmp_path / "out"), "--batch_size", "5", "--epochs", "1", "--img-size", "64"]
    assert train([*words, "--optimizer", "sgd", "--no-tensorboard"]) == 0
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_a_command_starts_on_five_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a width at which it takes a second; at the published ones it is slow."""
    data = small_world(tmp_path / "data", train=5, val=1)
    config = tmp_path / "c.py"
    config.write_text('backbone = "tiny"\ntext_encoder_type = "learned"\nhidden_dim = 32\nnum_queries = 4\nepochs = 1\n'
                      "enc_layers = 1\ndec_layers = 1\nbatch_size = 5\n")  # fmt: skip
    words = ["--config", str(config), "--coco_path", str(data.data), "--output_dir", str(tmp_path / "out")]
    assert train([*words, "--img-size", "64", "--backbone-width", "8", "--no-tensorboard"]) == 0
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_a_configuration_is_read_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.py"
    path.write_text("import os\nos.mkdir('ran')\nlr = 1e-4\nother = os.getcwd()\nbackbone = 'efficientformer_s0'\n")
    found = read_assignments(path)
    assert found == {"lr": 1e-4, "backbone": "efficientformer_s0"}
    assert "no literal" in capsys.readouterr().err
    words = training_words(found, {}, [])
    assert flags_of().resolve(words)[ReferModelConfig].backbone == "efficientformerv2_s0"
    with pytest.raises(uhd.UserError, match="choose from original, efficient"):
        training_words({"transformer_type": "conv"}, {}, [])
    path.write_text("lr = = 1")
    with pytest.raises(uhd.UserError, match="as Python"):
        read_assignments(path)
    assert main(["refer", "train", "x", "--backbone", "resnet"]) == 2
    assert "segformer_b0" in capsys.readouterr().err


def test_files_hold_the_combinations() -> None:
    for each in (*COMBINATIONS, *EXPERIMENTS):
        resolved = flags_of().resolve(["--config", str(ROOT / "configs" / "refer" / f"{each.name}.yaml")])
        assert resolved[ReferModelConfig] == each.config()
        assert resolved[TrainConfig].batch_size == each.batch


def test_combinations_have_the_claimed_size() -> None:
    by_name = {each.name: each for each in COMBINATIONS}
    assert abs(combination_row(by_name["original_baseline"])[3] - 184e6) < 0.02 * 184e6
    assert combination_row(by_name["tite_ultra_light"])[3] <= 8e6


@pytest.mark.slow
def test_params_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refer", "params"]) == 0
    assert "original_baseline" in capsys.readouterr().out


def test_the_parameter_count_of_its_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    made = runpy.run_path(str(CONFIG))
    args = type("Args", (), {"text_encoder_type": "learned", "backbone": "mobilevit_xxs"})
    with torch.device("meta"):
        model = made["build_model"](args)
    assert sum(p.numel() for p in model.parameters()) > 3e6
    monkeypatch.syspath_prepend(str(ROOT))
    from config.uniphd import build_model

    assert callable(build_model)
    sys.modules.pop("config.uniphd", None)


@pytest.mark.parametrize("mode", ["opencv_inter_nearest_y", "opencv_inter_nearest_yuv422"])
def test_a_network_that_reads_colours_is_trained_on_no_other_input(mode: str, tmp_path: Path) -> None:
    words = ["refer", "train", str(tmp_path / "world"), "--output", str(tmp_path / "runs"), "--resize-mode", mode]
    with pytest.raises(uhd.UserError, match="resize-mode"):
        flags_of().resolve(words[2:])
    assert not (tmp_path / "runs").exists()
    assert "nearest_y" not in flags_of().parser.format_help()
