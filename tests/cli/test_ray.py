"""Images searched and labelled on a local Ray cluster of two workers; pytest -m slow tests/cli/test_ray.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from uhd.cli import main
from uhd.cluster import shards_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def photographs(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    people = cv2.imread(str(sorted(EXAMPLES.glob("*.jpg"))[0]))
    paths = [folder / f"{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        assert cv2.imwrite(str(path), np.roll(cv2.resize(people, (160, 160)), 3 * i, 1))
    return paths


def test_shards() -> None:
    assert [list(each) for each in shards_of([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    photographs(tmp_path / "in", 1)
    assert main(["predict", str(tmp_path / "in"), "--ray", "local", "--output", str(tmp_path / "out")]) == 2
    assert "[ray]" in capsys.readouterr().err


def in_this_process(
    shards: Sequence[Any], worker: type[Any], arguments: Sequence[Any], *_where: Any
) -> Iterator[dict[str, Any]]:
    """Do what a cluster of one actor does, its values as arrays as Ray Data hands them over."""
    actor = worker(*arguments)
    for number, items in shards:
        yield actor({"shard": np.int64(number), "items": np.array(items)})


def test_parquet_holds_what_json_lines_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("uhd.cli.predict_ray.run_shards", in_this_process)
    photographs(tmp_path / "in", 3)
    (tmp_path / "in/broken.png").write_text("no image")
    cv2.imwrite(str(tmp_path / "in/empty.png"), np.zeros((50, 60, 3), np.uint8))
    command = [
        "predict",
        str(tmp_path / "in"),
        "--shard-size",
        "2",
        "--ray",
        "local",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(command) == 0
    assert main([*command[:4], "--parquet"]) == 2
    assert "give --ray local" in capsys.readouterr().err
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main([*command, "--parquet"]) == 0
    assert "part-*.parquet" in capsys.readouterr().out
    lines = [
        json.loads(line)
        for i in range(3)
        for line in (tmp_path / f"out/part-{i:06d}.jsonl").read_text().split("\n")[:-1]
    ]
    table = parquet.read_table(sorted((tmp_path / "out").glob("*.parquet")))
    rows = [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()]
    assert [row["image"] for row in rows] == [line["image"] for line in lines]
    assert len(rows) == 5
    for row, line in zip(rows, lines, strict=True):
        assert row.keys() == line.keys()
        for one, other in zip(row.pop("detections", []), line.pop("detections", []), strict=True):
            assert one == {**other, "score": pytest.approx(other["score"]), "xyxy": pytest.approx(other["xyxy"])}
        assert row == line


@pytest.mark.parametrize("cluster", ["none", pytest.param("local", marks=pytest.mark.slow)])
def test_shards_find_what_one_process_finds_and_go_on(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    if cluster == "none":
        monkeypatch.setattr("uhd.cli.predict_ray.run_shards", in_this_process)
        monkeypatch.setattr("uhd.labelling.cluster.run_shards", in_this_process)
    else:
        pytest.importorskip("ray")
    paths = photographs(tmp_path / "in", 7)
    (tmp_path / "in/broken.png").write_text("no image")
    output = tmp_path / "out"
    command = ["predict", str(tmp_path / "in"), "--ray", "local", "--ray-workers", "2", "--shard-size", "3"]
    assert main([*command, "--output", str(output)]) == 0
    assert "3 shards, 0 done before; now 8 images" in capsys.readouterr().out
    lines = [json.loads(line) for part in sorted(output.glob("part-*.jsonl")) for line in part.read_text().splitlines()]
    assert [Path(line["image"]).name for line in lines if "error" in line] == ["broken.png"]
    assert main(["predict", *map(str, paths), "--no-draw", "--json", str(tmp_path / "one.json")]) == 0
    alone = {(each := json.loads(line))["image"]: each for line in (tmp_path / "one.json").read_text().splitlines()}
    assert {line["image"]: line for line in lines if "error" not in line} == alone
    (output / "part-000001.jsonl").unlink()
    before = {path: path.stat().st_mtime_ns for path in output.glob("part-*.jsonl")}
    capsys.readouterr()
    assert main([*command, "--output", str(output)]) == 0
    assert "3 shards, 2 done before; now 3 images" in capsys.readouterr().out
    assert before.items() <= {path: path.stat().st_mtime_ns for path in output.glob("part-*.jsonl")}.items()
    assert main([*command[:-1], "2", "--output", str(output)]) == 2
    model = str(sorted((Path(__file__).parents[2] / "uhd/weights").glob("*.onnx"))[0])
    label = ["data", "label", str(tmp_path / "in"), "--teacher", model, "--sheet", "0", "--json", "--output"]
    for name, more in (("one", []), ("two", ["--ray", "local", "--ray-workers", "2", "--shard-size", "3"])):
        assert main([*label, str(tmp_path / name), *more]) == 0
    capsys.readouterr()
    assert {p.name: p.read_text() for p in (tmp_path / "one/labels").iterdir()} == {
        p.name: p.read_text() for p in (tmp_path / "two/labels").iterdir()
    }
