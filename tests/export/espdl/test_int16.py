"""Patterns find nodes of either generation of names; one that finds none is never passed over in silence."""

from __future__ import annotations

import pytest

from uhd.errors import UserError
from uhd.export.espdl.int16 import choose_int16, depthwise_nodes, mixed_outputs
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.recipes import RECIPES

from .conftest import conv_model


def test_a_pattern_is_searched_anywhere_in_a_name(prepared: Prepared) -> None:
    found = choose_int16(prepared.model, ["box_tower.0/pw"])
    assert found.nodes == {"/box_tower/box_tower.0/pw/conv/Conv", "/box_tower/box_tower.0/pw/act/Relu"}
    assert found.warnings == ()


def test_one_that_matches_nothing_warns_with_near_names_and_what_was_tried(prepared: Prepared) -> None:
    found = choose_int16(prepared.model, ["/box_out/Conv", "/box_twr/box_twr.1/pw/conv/Conv"])
    assert found.nodes == {"/box_out/Conv"}
    (warning,) = found.warnings
    assert warning.startswith("--int16-op-pattern /box_twr/box_twr.1/pw/conv/Conv matches no node")
    assert "/model/head/box_twr/box_twr.1/pw/conv/Conv" in warning
    assert "near it: /box_tower/box_tower.1/pw/conv/Conv" in warning


def test_strict_makes_it_an_error(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"box_outt.*near it: /box_out/Conv"):
        choose_int16(prepared.model, ["/box_out/Conv", "/box_outt/Conv"], strict=True)


def test_an_error_when_none_matches(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"zzz matches no node.*; .*qqq matches no node"):
        choose_int16(prepared.model, ["zzz", "qqq"])
    with pytest.raises(UserError, match="nothing is named like it"):
        choose_int16(prepared.model, ["zzz"])


def test_the_other_generations_names(prepared: Prepared) -> None:
    found = choose_int16(prepared.model, ["/model/head/box_out/Conv", "/model/backbone/block1/dw/conv/Conv"])
    assert found.nodes == {"/box_out/Conv", "/depthwiseconv/backbone/block1/dw/conv/Conv"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_nodes_of_the_detector(prepared: Prepared, name: str) -> None:
    recipe = RECIPES[name]
    found = choose_int16(prepared.model, optional=recipe.patterns)
    # The pattern of /box_out/Conv finds one node, and so on; a branch that a variant lacks is said.
    present = [pattern for pattern in recipe.patterns if "scale_x" not in pattern]
    assert found.nodes == set(present)
    missing = [line for line in found.warnings if "passed over" in line]
    assert bool(missing) == (len(present) < len(recipe.patterns))


def test_a_recipe_for_another_architecture_is_an_error() -> None:
    with pytest.raises(UserError, match="recipe names no node"):
        choose_int16(conv_model((8, 8, 1, 1)), optional=RECIPES["speed"].patterns)


def test_depthwise_with_their_activations(prepared: Prepared) -> None:
    found = depthwise_nodes(prepared.model)
    convs = {name for name in found if name.startswith("/depthwiseconv/")}
    acts = found - convs
    assert "/depthwiseconv/backbone/block1/dw/conv/Conv" in convs
    assert "/backbone/block1/dw/act/Relu" in acts
    assert len(convs) == len(acts)
    assert found == choose_int16(prepared.model, depthwise=True).nodes
    dense = choose_int16(conv_model((8, 8, 1, 1)), depthwise=True)
    assert not dense.nodes
    assert "no depthwise convolution" in dense.warnings[0]


def test_half_a_fused_pair_is_pointed_out(prepared: Prepared) -> None:
    (line,) = choose_int16(prepared.model, ["/backbone/stem/conv/Conv"]).warnings
    assert line.startswith("/backbone/stem/conv/Conv is in 16 bits but /backbone/stem/act/Relu is not")
    (line,) = choose_int16(prepared.model, ["/backbone/stem/act/Relu"]).warnings
    assert line.startswith("/backbone/stem/act/Relu is in 16 bits but /backbone/stem/conv/Conv is not")


def test_no_expression(prepared: Prepared) -> None:
    with pytest.raises(UserError, match="regular expression"):
        choose_int16(prepared.model, ["("])


def test_outputs_of_two_widths_are_said() -> None:
    from onnx import helper

    nodes = [helper.make_node("Conv", ["x", "w"], [name], f"/{name}_out/Conv") for name in ("box", "quality", "cls")]
    model = helper.make_model(helper.make_graph(nodes, "g", [], []))
    assert "only box" in mixed_outputs(model, {"/box_out/Conv"})[0]
    for fine in (set(), {"/cls_out/Conv"}, {"/box_out/Conv", "/quality_out/Conv"}):
        assert mixed_outputs(model, fine) == ()
