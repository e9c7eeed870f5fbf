from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from uhd.augment import colour, geometry
from uhd.augment.layout import OPERATIONS, RECIPE, read_operations
from uhd.augment.mixing import Mosaic
from uhd.augment.outliers import RemoveOutliers
from uhd.errors import UserError

PACKAGE = Path(geometry.__file__).parent.parent


def test_the_recipe_is_the_default() -> None:
    names = [type(operation).__name__ for operation in read_operations(None, (0,))]
    assert names == [type(operation).__name__ for operation in read_operations(RECIPE, (0,))]
    assert {"Mosaic", "RandomWindow", "HorizontalFlip", "RandomHSV"} <= set(names)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("aug*/*.yaml")) + sorted(PACKAGE.glob("*.yaml")), ids=str)
def test_every_file_in_the_package_can_be_read(path: Path) -> None:
    lines: list[str] = []
    assert read_operations(path, (0,), lines.append)
    assert lines == []


def test_the_originals_paths_are_found_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = (Path(__file__).parents[1] / "cli" / "original_commands.txt").read_text()
    named = sorted(set(re.findall(r"-aug-config (\S+)", commands)) | {"uhd/aug.yaml"})
    assert named == ["uhd/aug.yaml", "uhd/aug_val_l.yaml", "uhd/aug_val_s.yaml"]
    monkeypatch.chdir(tmp_path)
    for path in named:
        assert read_operations(path, (0,)) == read_operations(PACKAGE.parent / path, (0,))
    (tmp_path / "uhd").mkdir()
    (tmp_path / "uhd" / "aug.yaml").write_text("ToGray: 0.5")  # a file that is there is the one that is meant
    assert read_operations("uhd/aug.yaml", (0,)) == [colour.ToGray(0.5)]
    with pytest.raises(UserError, match=r"uhd/aug_none\.yaml"):
        read_operations("uhd/aug_none.yaml", (0,))


def test_the_originals_validation_crops() -> None:
    square = {"prob": 1.0, "ratio": (1.0, 1.0), "aspect": (1.0, 1.0)}
    assert read_operations("uhd/aug_val_s.yaml", (0,)) == [geometry.RandomCrop(**square, deterministic=True)]
    assert read_operations("uhd/aug_val_l.yaml", (0,)) == [geometry.RandomCrop(**square)]


def test_every_operation_of_the_original_is_there() -> None:
    listed = """Mosaic MixUp CopyPaste HorizontalFlip VerticalFlip RandomScale Translation RandomCrop RandomResizedCrop
    RandomBrightness RandomContrast RandomSaturation RandomHSV RandomPhotometricDistort Blur MedianBlur MotionBlur
    GaussianBlur GaussNoise ImageCompression ISONoise RandomRain RandomFog RandomSunFlare CLAHE ToGray RemoveOutliers"""
    assert set(listed.split()) <= set(OPERATIONS)
    assert {"Rotate", "Affine", "Cutout", "CoarseDropout"} <= set(OPERATIONS)


def test_the_originals_default() -> None:
    assert read_operations(PACKAGE / "aug.yaml", (0,)) == [
        geometry.HorizontalFlip(0.5),
        geometry.RandomCrop(0.5, (1.0, 1.0), (1.0, 1.0)),
        colour.RandomPhotometricDistort(0.5),
        colour.RandomHSV(0.5, 0.015, 0.7, 0.4),
        colour.CLAHE(0.01, 4.0, (8, 8)),
        RemoveOutliers(0.000244141),
    ]


@pytest.mark.parametrize("wrap", [
    lambda ops: ops,
    lambda ops: {"data_augment": ops},
    lambda ops: {"data_augment_pre": ops, "data_augment_post": None},
    lambda ops: {"data_augment_pre": {}, "data_augment_post": ops},
])  # fmt: skip
def test_every_layout_reads_the_same(wrap: Any) -> None:
    operations = {"ToGray": 0.01, "HorizontalFlip": None, "RandomCrop": 0.5, "RemoveOutliers": "1e-8", "CLAHE": {}}
    assert read_operations(wrap(operations), (0,)) == [
        colour.ToGray(0.01), geometry.RandomCrop(ratio=(0.5, 0.5)), RemoveOutliers(1e-8), colour.CLAHE(),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [
    "- ToGray: 0.01\n- HorizontalFlip:\n- RandomCrop: 0.5\n- CLAHE",
    "data_augment:\n- ToGray: {prob: 0.01}\n- name: RandomCrop\n  ratio: [0.5, 0.5]\n- CLAHE: {}\n",
    "data_augment_pre:\n- RandomCrop: 0.5\ndata_augment_post:\n- ToGray: 0.01\n  CLAHE: true",
])  # fmt: skip
def test_lists_read_like_tables(text: str, tmp_path: Path) -> None:
    path = tmp_path / "aug.yaml"
    path.write_text(text)
    found = read_operations(path, (0,))
    assert [found[i] for i in ((1, 0, 2) if "_pre" in text else (0, 1, 2))] == [
        colour.ToGray(0.01), geometry.RandomCrop(ratio=(0.5, 0.5)), colour.CLAHE(),
    ]  # fmt: skip


def test_a_list_can_name_an_operation_twice() -> None:
    blurs = [{"GaussianBlur": 0.1}, {"GaussNoise": 0.5}, {"GaussianBlur": {"prob": 0.2, "sigma_limit": [3, 4]}}]
    assert [operation.prob for operation in read_operations(blurs, (0,))] == [0.1, 0.5, 0.2]


def test_the_swap_map_in_a_list() -> None:
    (flip,) = read_operations([{"HorizontalFlip": 1.0}, {"class_swap_map": {0: 1}}], (0, 1))
    assert flip == geometry.HorizontalFlip(1.0, {0: 1, 1: 0})


def test_what_is_unknown_is_said_in_one_line_and_left_out() -> None:
    lines: list[str] = []
    config = {
        "data_augment": {"RandomHSV": {"hu_gain": 0.1, "value_gain": 0.2}, "Mosiac": 0.5, "Cloud": 1, "ToGray": 0.5},
        "data_augment_past": {"CLAHE": 1.0},
    }
    hsv, gray = read_operations(config, (0,), lines.append)
    assert hsv == colour.RandomHSV(value=0.2)
    assert gray == colour.ToGray(0.5)
    assert lines == [
        "augmentation: left out: unknown key 'hu_gain' of RandomHSV (did you mean 'hue_gain'?), operation 'Mosiac' "
        "(did you mean 'Mosaic'?), operation 'Cloud', operation 'data_augment_past' (did you mean 'data_augment_post'?)"
    ]


def test_without_anything_unknown_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    read_operations({"RandomHSV": {}, "Mosaic": None}, (0,), lines.append)
    read_operations(None, (0,))
    assert lines == []
    read_operations({"ToGray": 1.0, "Togray": 1.0}, (0,))
    assert capsys.readouterr().err == "augmentation: left out: unknown operation 'Togray' (did you mean 'ToGray'?)\n"


def test_an_order_that_enlarges_the_small_image_is_said() -> None:
    lines: list[str] = []
    read_operations({"ToGray": 0.1, "HorizontalFlip": 0.5, "RandomCrop": 0.5, "RandomScale": 0.5}, (0,), lines.append)
    assert lines == [
        "augmentation: RandomCrop, RandomScale after ToGray: works on the small image; listed before ToGray, on the "
        "photograph"
    ]
    for fine in (["RandomCrop", "Mosaic", "RandomScale", "ToGray", "VerticalFlip"], ["CLAHE"], ["RandomCrop"]):
        read_operations(fine, (0,), lines.append)
    assert len(lines) == 1


def test_a_closer_look_behind_a_rotation_is_said() -> None:
    lines: list[str] = []
    read_operations({"Rotate": 0.5, "CloserLook": 0.5}, (0,), lines.append)
    assert lines == ["augmentation: CloserLook after a rotation: does nothing to what is turned; list it before"]
    read_operations({"CloserLook": 0.5, "HorizontalFlip": 0.5, "Rotate": 0.5}, (0,), lines.append)
    assert len(lines) == 1


@pytest.mark.parametrize(("name", "key", "value", "expected"), [
    ("RandomResizedCrop", "ratio", [0.5, 2], {"aspect": (0.5, 2.0)}),
    ("RandomResizedCrop", "aspect_ratio", 1, {"aspect": (1.0, 1.0)}),
    ("RandomBrightness", "factor_range", [0.7, 1.3], {"factor": (0.7, 1.3)}),
    ("CopyPaste", "max_paste_objects", 3, {"max_objects": 3}),
    ("CopyPaste", "scale_jitter", [0.5, 1], {"scale": (0.5, 1.0)}),
    ("ImageCompression", "quality_range", [20, 30], {"quality": (20, 30)}),
    ("GaussNoise", "mean", 3, {"mean": 3.0}),
    ("RandomRain", "density", [0.002, 0.006], {"density": (0.002, 0.006)}),
    ("RandomRain", "drop_length", [15, 30], {"length": (15.0, 30.0)}),
    ("RandomRain", "drop_width_range", [1, 2], {"width": (1, 2)}),
    ("RandomRain", "slant_range", [-10, 10], {"slant": (-10.0, 10.0)}),
    ("RandomFog", "fog_coef", [0.3, 0.6], {"density": (0.3, 0.6)}),
    ("RandomSunFlare", "src_radius_range", [50, 150], {"radius": (50.0, 150.0)}),
    ("RandomSunFlare", "src_intensity", [0.6, 1.0], {"strength": (0.6, 1.0)}),
    ("Affine", "rotate", 15, {"rotate": (-15.0, 15.0)}),
    ("Affine", "rotate", [0, 15], {"rotate": (0.0, 15.0)}),
    ("Affine", "scale", 1.5, {"scale": (1.5, 1.5)}),
    ("CoarseDropout", "num-holes-range", [2, 3], {"holes": (2, 3)}),
])  # fmt: skip
def test_keys_by_name(
    name: str, key: str, value: Any, expected: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (operation,) = read_operations({name: {key: value}}, (0,))
    assert {field: getattr(operation, field) for field in expected} == expected
    assert capsys.readouterr().err == ""


def test_keys_of_the_originals_files() -> None:
    config = {
        "RandomScale": {"prob": 0.5, "scale_range": [1.0, 1.4], "keep_aspect_ratio": True},
        "Translation": {"prob": 0.5, "translate": 0.1, "fill": [114, 114, 114]},
        "RandomCrop": {
            "prob": 0.5, "aspect_ratio": 1.0, "ratio": 0.9, "min_boxes": 1, "max_retries": 10, "allow_empty": False,
            "deterministic": True,
        },
        "RandomHSV": {"prob": 0.75, "hue_gain": 0.015, "saturation_gain": 0.7, "value_gain": 0.4},
        "MedianBlur": {"prob": 0.01, "blur_limit": [3, 7]},
    }  # fmt: skip
    scale, shift, crop, hsv, _ = read_operations(config, (0,))
    assert scale.scale == (1.0, 1.4)
    assert shift == geometry.Translation(0.5, 0.1)
    assert crop == geometry.RandomCrop(0.5, (0.9, 0.9), (1.0, 1.0), True)
    assert hsv == colour.RandomHSV(0.75, 0.015, 0.7, 0.4)


@pytest.mark.parametrize("place", ["top", "section", "operation"])
@pytest.mark.parametrize("section", ["data_augment_pre", "data_augment"])
def test_the_swap_map_is_found_at_every_level_and_translated(place: str, section: str) -> None:
    swap = {9: 15, 15: 9, 10: 14, 3: 4}
    config: dict[str, Any] = {section: {"HorizontalFlip": {"prob": 0.5}}}
    {"top": config, "section": config[section], "operation": config[section]["HorizontalFlip"]}[place][
        "class_swap_map"
    ] = swap
    (flip,) = read_operations(config, (9, 15, 14, 10, 3))
    assert flip.class_swap_map == {0: 1, 1: 0, 3: 2, 2: 3}  # 10 <-> 14 both ways, 3 without its partner left out


def test_a_scalar_flip_gets_the_swap_map_too() -> None:
    (flip,) = read_operations({"class_swap_map": {0: 1}, "HorizontalFlip": 0.5}, (0, 1))
    assert flip == geometry.HorizontalFlip(0.5, {0: 1, 1: 0})


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_listed_with_a_probability_alone(name: str) -> None:
    value = {"RemoveOutliers": 0.01, "RandomCrop": {"prob": 0.25}}.get(name, 0.25)
    (operation,) = read_operations({name: value}, (0,))
    assert type(operation).__name__ == name
    assert name == "RemoveOutliers" or operation.prob == 0.25


@pytest.mark.parametrize(("text", "message"), [
    ("HorizontalFlop: 0.5", r"aug\.yaml: unknown operation 'HorizontalFlop' \(did you mean 'HorizontalFlip'\?\)"),
    ("data_augment_prae: {}", r"did you mean 'data_augment_pre'"),
    ("ToGray: 1.5", r"aug\.yaml: ToGray: prob: 1\.5 must be at most 1"),
    ("ToGray: often", r"aug\.yaml: ToGray: prob: 'often' is not a number"),
    ("ToGray: [0.1]", r"aug\.yaml: ToGray: prob"),
    ("RandomWindow: {scale: [1.4, 0.4]}", r"RandomWindow: scale: the range \[1\.4, 0\.4\] is upside down"),
    ("RandomWindow: {scale: [0, 1]}", r"RandomWindow: scale: 0.* must be above 0"),
    ("RandomWindow: {scale: [1, 2, 3]}", r"RandomWindow: scale: .*needs 2 values"),
    ("RandomWindow: {phase: sideways}", r"RandomWindow: phase: 'sideways' is not one of deployed, random, off"),
    ("Blur: {blur_limit: [3.5, 7]}", r"Blur: blur-limit: .*is not a whole number"),
    ("HorizontalFlip: {class_swap_map: {a: b}}", r"HorizontalFlip: class_swap_map must map class numbers"),
    ("HorizontalFlip: {class_swap_map: {0: 1, 2: 1}}", r"HorizontalFlip: class_swap_map: 0: 1 does not go with 1: 2"),
    ("HorizontalFlip: {class_swap_map: [1, 2]}", r"HorizontalFlip: class_swap_map must map class numbers"),
    ("data_augment: 0.5", r"aug\.yaml: a section must be a table or a list of operations, not 0\.5"),
    ("data_augment: [1, 2]", r"aug\.yaml: an entry of a list must be an operation, not 1"),
    ("- 1", r"aug\.yaml: an entry of a list must be an operation, not 1"),
    ("HorizontalFlip", r"aug\.yaml: must be a table or a list of operations"),
    ("path: data\nnames: [person]", r"aug\.yaml: unknown operation 'path', operation 'names': no operation is left"),
    ("a: [", r"aug\.yaml: cannot be read as YAML"),
])  # fmt: skip
def test_mistakes_are_named_with_file_and_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "aug.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_operations(path, (0,))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing"):
        read_operations(tmp_path / "nothing.yaml", (0,))


def test_an_empty_file_augments_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("# nothing\n")
    assert read_operations(str(path), (0,)) == read_operations([], (0,)) == read_operations({}, (0,)) == []


def test_off_and_on() -> None:
    config = {"Mosaic": False, "ToGray": True, "VerticalFlip": 0}
    assert read_operations(config, (0,)) == [colour.ToGray(), geometry.VerticalFlip(0.0)]
    assert read_operations({"Mosaic": None}, (0,)) == []
    assert read_operations({"Mosaic": {}}, (0,)) == [Mosaic(1.0)]


def test_a_mistyped_name_is_told_those_that_there_are() -> None:
    told = r"^whoel: no such file; by name there are light, .* \(did you mean 'whole'\?\)$"
    with pytest.raises(UserError, match=told):
        read_operations("whoel", (0,))
