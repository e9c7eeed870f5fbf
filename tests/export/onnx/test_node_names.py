"""Patterns of both generations of the original's recipes find our nodes."""

from __future__ import annotations

import pytest

from tests.export.conftest import make_model
from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx.node_names import aliases, match

# From the commands of the original's first README: what each pattern must find.
RECIPES = {
    "/box_out/Conv": ["/box_out/Conv"],
    "/large_obj_down/large_obj_down.3/act/Relu": ["/large_obj_down/large_obj_down.3/act/Relu"],
    "/depthwiseconv/backbone/block2/dw/conv/Conv": ["/depthwiseconv/backbone/block2/dw/conv/Conv"],
    "/backbone/sppf/cv1/act/Relu": ["/backbone/sppf/cv1/act/Relu"],
    "/backbone/block3_skip/conv/Conv": ["/backbone/block3_skip/conv/Conv"],
    "/model/backbone/block1/dw/conv/Conv": ["/depthwiseconv/backbone/block1/dw/conv/Conv"],
    "/model/head/context/dw/conv/Conv": ["/depthwiseconv/context/dw/conv/Conv"],
    "/model/head/context_res/context_res.2/dw/conv/Conv": ["/depthwiseconv/context_res/context_res.2/dw/conv/Conv"],
    "/model/head/large_obj_down/large_obj_down.0/Conv": ["/depthwiseconv/large_obj_down/large_obj_down.0/Conv"],
    "/model/head/box_tower/box_tower.1/dw/conv/Conv": ["/depthwiseconv/box_tower/box_tower.1/dw/conv/Conv"],
    "/model/head/obj_conv/dw/conv/Conv": ["/depthwiseconv/obj_conv/dw/conv/Conv"],
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("names") / "m.onnx"
    model = make_model(utod_sppf_scale="none", score_mode="obj_quality_cls")
    return [node.name for node in export_onnx(model, path, ModelSpec(), form="raw", verify=False).graph.node]


@pytest.mark.parametrize("pattern", RECIPES)
def test_a_recipe_finds_its_nodes(pattern: str, names: list[str]) -> None:
    assert match(pattern, names) == RECIPES[pattern]


def test_a_recipe_for_our_names_finds_nodes_of_the_other_generation() -> None:
    theirs = ["/depthwiseconv/model/backbone/block1/dw/conv/Conv", "/model/head/box_out/Conv", "/model/backbone/Add"]
    assert match("/depthwiseconv/backbone/block1/dw/conv/Conv", theirs) == theirs[:1]
    assert match("^/box_out/Conv$", theirs) == theirs[1:2]
    assert match("/head/box_out", theirs) == theirs[1:2]


def test_what_is_found_as_it_stands_brings_no_aliases() -> None:
    both = ["/box_out/Conv", "/model/head/box_out/Conv"]
    assert match("/model/head/box_out", both) == both[1:]
    assert match("nothing_like_it", both) == []


def test_a_backbone_node_has_no_alias_in_the_head() -> None:
    assert not any("/head" in alias for alias in aliases("/backbone/stem/conv/Conv"))
    assert "/model/head/context/pw/conv/Conv" in aliases("/context/pw/conv/Conv")
    assert match("/model/head/", ["/backbone/stem/conv/Conv", "/cls_out/Conv"]) == ["/cls_out/Conv"]


def test_a_pattern_that_is_no_expression() -> None:
    with pytest.raises(UserError, match="regular expression"):
        match("(", ["/a"])
