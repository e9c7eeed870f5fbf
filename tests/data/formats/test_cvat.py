"""CVAT's XML as CVAT writes it: projects with subsets, several jobs, groups, skeletons, tracks of a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uhd.data.labelled_set import SEVERAL_FILES, LabelledSet
from uhd.data.problems import Report
from uhd.data.read_set import read_set

LABELS = """<meta><task><original_size><width>100</width><height>50</height></original_size><labels>
<label><name>person</name><color>#ff0000</color><type>any</type><attributes><attribute><name>crowd</name>
<mutable>False</mutable><input_type>checkbox</input_type><values>false</values></attribute></attributes></label>
<label><name>nose</name><type>points</type><attributes/><parent>person</parent></label>
<label><name>toe</name><type>points</type><attributes/><parent>person</parent></label></labels></task></meta>"""
SKELETON = """<skeleton label="person" source="manual" z_order="0">
<points label="toe" outside="0" occluded="1" points="20.00,40.00"/>
<points label="nose" outside="0" occluded="0" points="10.00,5.00"/></skeleton>"""


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / name), np.full((50, 100, 3), 90, np.uint8))


def read(place: Path, report: Report | None = None) -> LabelledSet:
    report = report or Report()
    found = read_set(place, "auto", report)
    assert report.total == 0, report.lines()
    return found


def pixels(found: LabelledSet) -> dict[str, list[list[float]]]:
    return {r.image.name: np.round(r.boxes * [100, 50, 100, 50], 3).tolist() for r in found.records}


def test_subsets_of_a_project_may_hold_files_of_one_name(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "Train/a.png", "Validation/a.png")
    shape = '<box label="person" source="manual" occluded="0" xtl="{0}" ytl="5" xbr="30" ybr="15" z_order="0"></box>'
    image = '<image id="{0}" name="a.png" subset="{1}" task_id="{0}" width="100" height="50">{2}</image>'
    entries = [image.format(i, subset, shape.format(i)) for i, subset in enumerate(("Train", "Validation"))]
    (tmp_path / "annotations.xml").write_text(f"<annotations>{LABELS}{''.join(entries)}</annotations>")
    found = read(tmp_path)
    assert found.names == ("person",)  # the points of a skeleton are no classes
    assert {part: round(float(r[0].boxes[0, 0] * 100)) for part, r in found.parts.items()} == {"train": 0, "val": 1}


def test_groups_skeletons_and_attributes(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    piece = '<polygon label="person" group_id="3" points="{0},10;{1},10;{1},20"/>'
    crowd = '<box label="person" xtl="1" ytl="1" xbr="9" ybr="9"><attribute name="crowd">true</attribute></box>'
    body = piece.format(10, 20) + crowd + piece.format(40, 50) + SKELETON
    (tmp_path / "a.xml").write_text(
        f'<annotations>{LABELS}<image name="a.png" width="100" height="50">{body}</image></annotations>'
    )
    (record,) = read(tmp_path).records
    assert pixels(read(tmp_path))["a.png"] == [[10, 10, 50, 20], [10, 5, 20, 40]]
    assert [len(rings) for rings in record.objects.masks or ()] == [2, 0, 0]
    assert record.objects.ignored.tolist() == [False, False, True]
    assert record.objects.keypoints is not None
    np.testing.assert_allclose(record.objects.keypoints[1], [[0.1, 0.1, 2], [0.2, 0.8, 1]], atol=1e-6)  # nose, toe


def test_jobs_that_overlap_are_one_image(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "a.png")
    box = '<box label="person" xtl="{}" ytl="5" xbr="30" ybr="15"/>'
    for job, lefts in (("1", (10, 20)), ("2", (20, 25))):
        body = "".join(map(box.format, lefts))
        (tmp_path / f"job_{job}.xml").write_text(
            f'<annotations>{LABELS}<image name="a.png" width="100" height="50">{body}</image></annotations>'
        )
    report = Report()
    assert pixels(read(tmp_path, report))["a.png"] == [[10, 5, 30, 15], [20, 5, 30, 15], [25, 5, 30, 15]]
    assert report.notes == {SEVERAL_FILES: 1}


def test_tracks_of_a_video_with_what_lies_between_key_frames(tmp_path: Path) -> None:
    pictures(tmp_path / "images", *(f"frame_{i:06d}.PNG" for i in range(6)))
    box = '<box frame="{}" outside="{}" occluded="0" keyframe="{}" xtl="{}" ytl="5" xbr="{}" ybr="15" z_order="0"/>'
    dense = "".join(box.format(*row) for row in ((0, 0, 1, 10, 20), (1, 0, 0, 12, 22), (2, 1, 1, 12, 22)))
    sparse = "".join(box.format(*row) for row in ((1, 0, 1, 40, 60), (5, 0, 1, 48, 64)))
    (tmp_path / "annotations.xml").write_text(
        f'<annotations>{LABELS}<track id="0" label="person" source="manual">{dense}</track>'
        f'<track id="1" label="person" source="manual">{sparse}</track></annotations>'
    )
    found = pixels(read(tmp_path))
    assert found["frame_000000.PNG"] == [[10, 5, 20, 15]]
    assert found["frame_000001.PNG"] == [[12, 5, 22, 15], [40, 5, 60, 15]]
    assert found["frame_000002.PNG"] == [[42, 5, 61, 15]]  # the first has gone, the second is a quarter of its way
    assert [len(found[f"frame_{i:06d}.PNG"]) for i in range(6)] == [1, 2, 1, 1, 1, 1]
