"""The drawing shows every block once, without overlaps; the one in the documentation is that of the shipped model."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.export.conftest import class_names, make_family
from uhd.card import ModelSpec
from uhd.cli import main
from uhd.export.onnx.blocks import Block, blocks_of
from uhd.export.onnx.diagram import to_svg, write_diagram
from uhd.export.onnx.export import export_onnx
from uhd.model_file import model_file
from uhd.models.profile import profile

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[tuple[float, ...]]:
    tree = ElementTree.fromstring(svg)
    return [
        tuple(float(each.get(name, 0)) for name in ("x", "y", "width", "height"))
        for each in tree.findall(f"{SVG}rect")[1:]
    ]


@pytest.mark.parametrize("family", ["utod", "centernet_classes", "transformer"])
def test_every_block_is_drawn_and_none_covers_another(family: str, tmp_path: Path) -> None:
    model = make_family(family)
    export_onnx(model, tmp_path / "m.onnx", ModelSpec((48, 64), class_names=class_names(model)), verify=False)
    found = blocks_of(tmp_path / "m.onnx")
    svg = to_svg(found, "<m>")
    places = boxes(svg)
    assert len(places) == len(found) > 6
    for i, (x, y, w, h) in enumerate(places):
        for a, b, c, d in places[:i]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y
    texts = [each.text or "" for each in ElementTree.fromstring(svg).findall(f"{SVG}text")]
    for block in found.values():
        assert block.title in texts
    assert texts[0].startswith("<m>")
    assert "input_rgb" in texts
    assert "score_classid_cxcywh" in texts


def test_blocks_hold_the_parameters_of_the_model(tmp_path: Path) -> None:
    model = make_family("utod", score_mode="obj_quality_cls")
    export_onnx(model, tmp_path / "m.onnx", ModelSpec(), form="raw", verify=False)
    found = blocks_of(tmp_path / "m.onnx")
    layers = sum(block.params for key, block in found.items() if "/" in key[1:] or key.endswith(("tower", "out")))
    assert 0 < layers < sum(block.params for block in found.values())
    assert found["backbone/block1"].after == ["backbone/stem"]
    assert set(found["/backbone/Add"].after) == {"backbone/block3", "backbone/block3_skip"}
    assert found["backbone/stem"].shape == (4, 32, 32)
    folded = profile(model, (64, 64)).folded
    # Anchors and the scale of the boxes are no part of a raw graph's blocks.
    assert sum(block.params for block in found.values()) == pytest.approx(folded, rel=0.02)


def test_a_line_never_runs_through_a_box() -> None:
    chain = {"a": Block("a"), "b": Block("b", after=["a"]), "c": Block("c", after=["b", "a"])}
    svg = to_svg(chain, "t")
    right = max(x + w for x, _, w, _ in boxes(svg))
    long = [path for path in re.findall(r'<path d="(M[^"]+)" fill', svg) if "H" in path]
    assert len(long) == 1
    assert float(re.findall(r"H([\d.]+)", long[0])[0]) > right


def test_the_drawing_in_the_documentation_is_that_of_the_shipped_model(tmp_path: Path) -> None:
    write_diagram(model_file("small"), tmp_path / "now.svg")
    assert (tmp_path / "now.svg").read_text() == (ROOT / "docs" / "architecture.svg").read_text(), (
        "draw it again: uhd info uhd/weights/ultratinyod_w32_64x64.onnx --diagram docs/architecture.svg"
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model_file("small")), "--diagram", str(tmp_path / "a.svg")]) == 0
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    (tmp_path / "m.pt").write_text("not looked into")
    assert main(["info", str(tmp_path / "m.pt"), "--diagram", str(tmp_path / "b.svg")]) == 2
    assert "uhd export" in capsys.readouterr().err


def test_another_format_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model_file("small")), "--diagram", str(tmp_path / "d.png")]) == 2
    assert "written as SVG" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
