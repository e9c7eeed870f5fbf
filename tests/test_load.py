from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from uhd.errors import UserError
from uhd.load import default_model, load

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model as .onnx, .safetensors and .pt."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxslim")
    from uhd.export.onnx.export import export_onnx
    from uhd.models.predictor import TorchPredictor
    from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
    from uhd.models.weights import describe, save_weights

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = UltraTinyOD(UltraTinyODConfig(cnn_width=4)).eval()
    folder = tmp_path_factory.mktemp("trio")
    meta = describe(model, img_size="64x64", resize_mode="opencv_inter_nearest", class_names=["person"])
    save_weights(folder / "m.safetensors", model.state_dict(), meta)
    torch.save({"model": model.state_dict(), **meta}, folder / "m.pt")
    export_onnx(model, folder / "m.onnx", TorchPredictor(model).spec, topk=512)
    return folder


def test_every_file_type_detects_the_same(trio: Path) -> None:
    found = {suffix: load(trio / f"m{suffix}")(IMAGE, 0.0, 0.0) for suffix in (".onnx", ".safetensors", ".pt")}
    assert len(found[".onnx"]) > 100
    for suffix in (".safetensors", ".pt"):
        assert np.abs(np.sort(found[suffix].scores) - np.sort(found[".onnx"].scores)).max() < 1e-4
        assert len(found[suffix]) == len(found[".onnx"])


@pytest.mark.parametrize(
    ("name", "message"),
    [("m.h5", "known are .onnx"), ("m", "known are"), ("no.onnx", "no such file"), ("no.pt", "no such file")],
)
def test_wrong_suffix_and_missing_file(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "m.h5").write_text("")
    (tmp_path / "m").write_text("")
    with pytest.raises(UserError, match=message):
        load(tmp_path / name)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UserError, match="without a checkpoint"):
        load(tmp_path / "folder.onnx")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, ("pwned",)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match=r"evil\.pt"):
        load(tmp_path / "evil.pt")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".pt"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    if suffix != ".onnx":
        pytest.importorskip("torch")
    for content in (b"", b"\x00" * 64, b"hello"):
        (tmp_path / f"m{suffix}").write_bytes(content)
        with pytest.raises(UserError, match=f"m{suffix}"):
            load(tmp_path / f"m{suffix}")


def run_python(code: str, folder: Path) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_without_torch_onnx_works_and_weights_say_what_to_install(trio: Path) -> None:
    code = """
import sys
sys.modules["torch"] = None
from uhd.errors import UserError
from uhd.load import load
import numpy as np
print(len(load("m.onnx")(np.zeros((9, 9, 3), np.uint8), 0.0)))
for name in ("m.safetensors", "m.pt"):
    try:
        load(name)
    except UserError as error:
        print(error)
"""
    lines = run_python(code, trio).splitlines()
    assert int(lines[0]) >= 0
    assert [line.split(": ", 1)[1] for line in lines[1:]] == [
        "a .safetensors file needs torch: pip install '.[train]'",
        "a .pt file needs torch: pip install '.[train]'",
    ]


def test_importing_load_loads_no_framework(tmp_path: Path) -> None:
    code = (
        "import uhd.load, sys; print([m for m in ('torch', 'onnxruntime', 'keras', 'matplotlib') if m in sys.modules])"
    )
    assert run_python(code, tmp_path).strip() == "[]"


def test_the_packaged_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trio: Path) -> None:
    monkeypatch.setattr(sys.modules["uhd.load"], "files", lambda _: tmp_path)
    with pytest.raises(UserError, match="give the path"):
        load()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "some.onnx").write_bytes((trio / "m.onnx").read_bytes())
    assert default_model().name == "some.onnx"
    assert load().spec.input_size == (64, 64)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "web page"),
    ],
)
@pytest.mark.parametrize("suffix", [".onnx", ".pt", ".tflite"])
def test_what_lies_in_the_place_of_a_model(tmp_path: Path, content: bytes, said: str, suffix: str) -> None:
    (tmp_path / f"m{suffix}").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load(tmp_path / f"m{suffix}")


def test_a_link_to_no_model_and_no_name_at_all(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").symlink_to("nowhere.onnx")
    with pytest.raises(UserError, match="leads nowhere"):
        load(tmp_path / "m.onnx")
    with pytest.raises(UserError, match="empty text"):
        load("")
    with pytest.raises(UserError, match="empty list"):
        load([])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"thread": 2}, "did you mean 'threads'"),
        ({"conf": 0.5}, "no option 'conf'"),
        ({"threads": 0}, "at least 1"),
        ({"threads": "2"}, "at least 1"),
        ({"nms_iou": float("nan")}, "nms_iou is a number from 0 to 1, not nan"),
        ({"nms_iou": 2, "tta": "mirror"}, "nms_iou is a number from 0 to 1, not 2"),
        ({"conf_thresh": "0.3"}, "conf_thresh is a number from 0 to 1, not '0.3'"),
        ({"class_names": "person"}, r"class_names is a list of names such as \['person'\], not 'person'"),
    ],
)
def test_options_that_are_none(options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(**options)


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("refer", {"tta": "mirror"}, "refer: .* load it alone"),
        (["small", "refer"], {}, "refer: .* load it alone"),
        ("refer", {"nms_type": "wbf"}, "takes threads; leave out nms_type"),
        ("refer", {"resize_mode": "torch_bilinear"}, "takes threads; leave out resize_mode"),
        ("refer", {"thread": 2}, "did you mean 'threads'"),
        (["small", "nano"], {"nms_iou": float("nan")}, "from 0 to 1, not nan"),
    ],
)
def test_options_that_are_of_other_models(path: str | list[str], options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(path, **options)
