"""The recipes are the original's commands, word for word."""

from __future__ import annotations

import shlex
from pathlib import Path

from uhd.export.espdl.recipes import RECIPES

COMMANDS = (Path(__file__).parents[2] / "cli" / "original_commands.txt").read_text().splitlines()


def test_both_recipes_are_commands_of_the_original() -> None:
    published = set()
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0].endswith("quantize_onnx_model_for_esp32.py") and "--use-layerwise-equalization" in words:
            published.add(tuple(words[i + 1] for i, word in enumerate(words) if word == "--int16-op-pattern"))
    assert all(recipe.equalise and recipe.patterns in published for recipe in RECIPES.values())
    assert len(RECIPES["speed"].patterns) == 4
    assert len(RECIPES["precision"].patterns) == 16
