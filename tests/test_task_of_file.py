from __future__ import annotations

import json
from pathlib import Path

import pytest

from uhd.errors import UserError
from uhd.load import load
from uhd.task_of_file import task_of


def test_the_task_stands_in_the_file_itself(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, {"arch": "x", "task": "follow"})
    onnx.save(model, str(tmp_path / "m.onnx"))
    header = json.dumps({"__metadata__": {"task": '"follow"'}}).encode()
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    for name in ("m.onnx", "m.safetensors"):
        assert task_of(tmp_path / name) == "follow"
        with pytest.raises(UserError, match="task 'follow', which this version"):
            load(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x00" * 64, b"\xff" * 64, b"\x0a\x7f", b"\x08\x00\x00\x00\x00\x00\x00\x00[1,2,3]x"]
)
def test_what_cannot_be_read_is_left_to_what_opens_it(tmp_path: Path, content: bytes) -> None:
    for name in ("m.onnx", "m.safetensors", "m.pt"):
        (tmp_path / name).write_bytes(content)
        assert task_of(tmp_path / name) == "detect"
