"""Every family of the original's training commands trains, validates, exports and predicts on drawn images.

The commands are the original's own; only folders, width, epochs, batch and worker processes are made small.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main as uhd
from uhd.cli import original
from uhd.load import load

COMMANDS = (Path(__file__).parent / "original_commands.txt").read_text().splitlines()
_OWN = {
    "--image-dir", "--train-list", "--val-list", "--cnn-width", "--epochs", "--batch-size", "--num-workers",
    "--exp-name", "--ckpt", "--teacher-ckpt", "--teacher-arch", "--lr", "--weight-decay", "--seed", "--device",
}  # fmt: skip


def _families() -> dict[str, list[str]]:
    """Return one training command per set of flags, without what only sizes a run."""
    found: dict[str, list[str]] = {}
    for line in COMMANDS:
        script, *words = shlex.split(line)
        if script != "train.py" or "--val-only" in words:
            continue
        kept: list[str] = []
        for i, word in enumerate(words):
            if word.startswith("--"):
                kept.append(word)
                if i + 1 < len(words) and not words[i + 1].startswith("--"):
                    kept.append(words[i + 1])
        pairs, i = [], 0
        while i < len(kept):
            takes = i + 1 < len(kept) and not kept[i + 1].startswith("--")
            pairs.append(kept[i : i + 1 + takes])
            i += 1 + takes
        flags = [word for pair in pairs if pair[0].replace("_", "-") not in _OWN for word in pair]
        if "--teacher-ckpt" in words:
            flags.append("+teacher")
        found.setdefault(" ".join(flags), flags)
    return {f"{i:02d}{'-distilled' if '+teacher' in flags else ''}": flags for i, flags in enumerate(found.values())}


FAMILIES = _families()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 images of one bright figure on a noisy ground, and two without one, with YOLO labels beside them."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for i in range(66):
        image = rng.integers(0, 90, (96, 128, 3), np.uint8)
        text = ""
        if i < 64:
            w, h = int(rng.integers(16, 50)), int(rng.integers(30, 80))
            left, top = int(rng.integers(0, 128 - w)), int(rng.integers(0, 96 - h))
            cv2.rectangle(image, (left, top), (left + w - 1, top + h - 1), (230, 200, 180), -1)
            text = f"0 {(left + w / 2) / 128:.6f} {(top + h / 2) / 96:.6f} {w / 128:.6f} {h / 96:.6f}\n"
        cv2.imwrite(str(folder / f"{i:03d}.png"), image)
        (folder / f"{i:03d}.txt").write_text(text)
    paths = sorted(folder.glob("*.png"))
    (folder / "train.txt").write_text("".join(f"{path}\n" for path in paths[:50]))
    (folder / "val.txt").write_text("".join(f"{path}\n" for path in paths[50:]))
    return folder


@pytest.fixture(scope="module")
def trained(
    images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[str], int, tuple[str, ...]], Path]:
    """Train a command once per module; returns the newest checkpoint."""
    runs = tmp_path_factory.mktemp("runs")
    done: dict[tuple[str, int], Path] = {}

    def train(flags: list[str], width: int, more: tuple[str, ...] = ()) -> Path:
        key = " ".join([*flags, *more]), width
        if key not in done:
            name = f"run{len(done)}"
            lists = "--val-aug-config" in flags
            data = ["--train-list", str(images / "train.txt"), "--val-list", str(images / "val.txt")]
            words = [
                *(word for word in flags if word != "+teacher"),
                *(data if lists else ["--image-dir", str(images)]),
                "--cnn-width", str(width), "--epochs", "1", "--batch-size", "16", "--num-workers", "0",
                "--exp-name", name, "--output", str(runs), "--threads", "1", "--samples", "0",
                "--no-tensorboard", *more,
            ]  # fmt: skip
            assert original.train(words) == 0, " ".join(words)
            done[key] = sorted((runs / name).glob("last_*.pt"))[-1]
        return done[key]

    return train


# A third of them is enough for every run.
_EVERY_RUN = {name: () if i < 4 else pytest.mark.slow for i, name in enumerate(FAMILIES)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks) for name, marks in _EVERY_RUN.items()])
def test_a_family_trains_validates_exports_and_predicts(
    name: str,
    images: Path,
    trained: Callable[[list[str], int, tuple[str, ...]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = FAMILIES[name]
    more: tuple[str, ...] = ()
    if "+teacher" in flags:
        plain = [word for word in flags if word != "+teacher"]
        cut = next(i for i, word in enumerate(plain) if word.startswith("--distill"))
        student, teacher = trained(plain[:cut], 8, ()), trained(plain[:cut], 12, ())
        more = ("--ckpt", str(student), "--teacher-ckpt", str(teacher), "--teacher-arch", "ultratinyod")
    checkpoint = trained(flags, 8, more)
    model = tmp_path / "model.onnx"
    assert original.export(["--checkpoint", str(checkpoint), "--output", str(model)]) == 0
    found = load(model, conf_thresh=0.0)(cv2.cvtColor(cv2.imread(str(images / "000.png")), cv2.COLOR_BGR2RGB))
    assert len(found) > 0
    assert uhd(["val", str(images), "--model", str(model)]) == 0
    assert uhd(["predict", "--model", str(checkpoint), str(images / "000.png"), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "000.png").is_file()
