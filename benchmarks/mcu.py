"""Exported C on microcontrollers, in QEMU: code, constants, RAM, stack and instructions, at -Os and -O2.

    python benchmarks/mcu.py [--model FILE.safetensors] [--data PHOTOGRAPHS] [--boards cortex-m7,rv32imafc,rv32imac]

An instruction count is that of one detection, from a 160x120 frame of RGB565 to the boxes, counted by QEMU; it is no
count of cycles. Stack is what was written of a painted one. int8 is calibrated on ``--data``, else on drawn pictures:
the figures here hardly depend on it, the boxes do. The boxes of every build must be the host's, to the bit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.export.c.config import CConfig
from uhd.export.c.predictor import CPredictor
from uhd.export.c_target import CTarget
from uhd.export.open_model import open_model

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "integrations/microcontrollers"))
import emulate  # noqa: E402

# Numbers, and how they are compiled; the instructions of ARMv7E-M are int8's alone.
BUILDS = (("float32", ""), ("int8", " -DUHD_PORTABLE"), ("int8", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "uhd/weights/zoo/ultratinyod_w16_rgb.safetensors")
    parser.add_argument("--data", type=Path, help="photographs to calibrate int8 on")
    parser.add_argument("--boards", default="cortex-m7,cortex-m4,rv32imafc,rv32imac")
    arguments = parser.parse_args()
    for name in arguments.boards.split(","):
        if name not in emulate.BOARDS or emulate.BOARDS[name].missing():
            parser.error(emulate.BOARDS[name].missing() if name in emulate.BOARDS else f"{name}: no such board")
    photograph = cv2.imread(str(ROOT / "docs/people.jpg"))[..., ::-1]
    frame = emulate.to_rgb565(cv2.resize(photograph, (160, 120), interpolation=cv2.INTER_AREA))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        sources = {
            numbers: _export(arguments.model, numbers, arguments.data, folder) for numbers in ("float32", "int8")
        }
        hosts = {numbers: CPredictor(path, flags=("-std=c99", "-O2")) for numbers, path in sources.items()}
        expected = {name: host.detect(emulate.from_rgb565(frame), 0.1, None, 50) for name, host in hosts.items()}
        print(f"{arguments.model.name}\n\n| board | numbers | flags | code | constants | RAM | stack | instructions |")
        print("|---|---|---|--:|--:|--:|--:|--:|")
        for name in arguments.boards.split(","):
            board = emulate.BOARDS[name]
            for numbers, more in BUILDS:
                if more and "cortex" not in name:
                    continue
                for flags in ("-Os", "-O2"):
                    words = (flags + more).split()
                    program, sizes = emulate.build(board, sources[numbers], frame, folder, words, 0.1)
                    ran = emulate.run(board, program)
                    np.testing.assert_array_equal(ran.boxes[:, :4], expected[numbers].xyxy)
                    np.testing.assert_array_equal(ran.boxes[:, 4], expected[numbers].scores)
                    instructions = f"{ran.instructions / 1e6:.1f} M" if board.counts else ""
                    row = (sizes.code, sizes.constants, sizes.ram, ran.stack)
                    print(f"| {name} | {numbers} | {flags + more} | ", end="")
                    print(f"{' | '.join(f'{value:,}' for value in row)} | {instructions} |", flush=True)
        print(f"\nthe same {len(expected['float32'])} and {len(expected['int8'])} boxes as on the host, to the bit")


def _export(model: Path, numbers: str, data: Path | None, folder: Path) -> Path:
    if data is None:
        data = folder / "drawn"
        data.mkdir(exist_ok=True)
        for i in range(8):
            cv2.imwrite(str(data / f"{i}.png"), _drawn(i))
    path = folder / numbers / "people.c"
    config = CConfig(int8=numbers == "int8", calibration=data, prefix="people")
    CTarget().write(open_model(model), path, config, lambda line: print(f"{numbers}: {line}"))
    return path


def _drawn(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


if __name__ == "__main__":
    main()
