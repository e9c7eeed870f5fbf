"""Builds exported C for microcontrollers and runs it in QEMU: the boxes, and what the run took.

    python integrations/microcontrollers/emulate.py people.c A.jpg [--board cortex-m7] [--flags="-Os -DUHD_PORTABLE"]

``people.c`` with its header comes from ``uhd export --format c --prefix people``.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

FIRMWARE = Path(__file__).parent / "firmware"
MOST = 50
_ARM = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
_RISCV = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"


@dataclass(frozen=True)
class Board:
    """A processor that QEMU emulates.

    Attributes:
        compiler: its GCC.
        flags: of the compiler.
        source: what stands in for the board's own software.
        memory: where constants and variables begin.
        run: command before the name of the program.
        packages: of Debian, which bring both.
        counts: whether instructions are counted.
    """

    compiler: str
    flags: tuple[str, ...]
    source: str
    memory: tuple[int, int]
    run: tuple[str, ...]
    packages: str
    counts: bool = True

    def missing(self) -> str:
        """Return what to install, or nothing."""
        absent = [name for name in (self.compiler, self.run[0]) if shutil.which(name) is None]
        return f"no {' and no '.join(absent)} here: apt-get install {self.packages}" if absent else ""


def _cortex(cpu: str, machine: str, fpu: str) -> Board:
    flags = (f"-mcpu={cpu}", "-mthumb", f"-mfpu={fpu}", "-mfloat-abi=hard", "--specs=nosys.specs")
    run = ("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", "-serial", "none")
    run += ("-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel")
    return Board("arm-none-eabi-gcc", flags, "cortex_m.c", (0, 0x20000000), run, _ARM)


def _riscv(march: str, abi: str, machine: bool) -> Board:
    flags = (f"-march={march}", f"-mabi={abi}", "--specs=picolibc.specs", "-mcmodel=medany")
    memory = (0x80000000, 0x81000000)
    if not machine:
        run: tuple[str, ...] = ("qemu-riscv32",)
        return Board("riscv64-unknown-elf-gcc", flags, "riscv.c", memory, run, f"{_RISCV} qemu-user", counts=False)
    run = ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-monitor", "none", "-serial", "none")
    run += ("-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel")
    packages = f"{_RISCV} qemu-system-misc"
    return Board("riscv64-unknown-elf-gcc", (*flags, "-DMACHINE_MODE"), "riscv.c", memory, run, packages)


BOARDS = {
    "cortex-m7": _cortex("cortex-m7", "mps2-an500", "fpv5-sp-d16"),
    "cortex-m4": _cortex("cortex-m4", "mps2-an386", "fpv4-sp-d16"),
    "rv32imafc": _riscv("rv32imafc", "ilp32f", machine=True),
    "rv32imac": _riscv("rv32imac", "ilp32", machine=True),
    "rv32imafc-user": _riscv("rv32imafc", "ilp32f", machine=False),
}


@dataclass(frozen=True)
class Ran:
    """What a program said.

    Attributes:
        boxes: (n, 6) float32: x1, y1, x2, y2 in pixels, score, class.
        instructions: of one detection, from the frame to the boxes; 0 where the board counts none.
        stack: bytes.
    """

    boxes: NDArray[np.float32]
    instructions: int
    stack: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of the exported C, compiled, by where they go."""

    code: int
    constants: int
    ram: int


def to_rgb565(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an RGB image (h, w, 3) as a camera's frame (h, w, 2), the byte with red first."""
    r, g, b = (image[..., i].astype(np.uint16) for i in range(3))
    pixels = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
    return np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(*image.shape[:2], 2)


def from_rgb565(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what a frame (h, w, 2) still holds of its image (h, w, 3)."""
    pixels = frame[..., 0].astype(np.uint16) << 8 | frame[..., 1]
    r, g, b = pixels >> 11, pixels >> 5 & 63, pixels & 31
    return np.stack([r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2], -1).astype(np.uint8)


def build(
    board: Board,
    source: Path,
    frame: NDArray[np.uint8],
    folder: Path,
    flags: Sequence[str] = ("-O2",),
    least: float = 0,
) -> tuple[Path, Sizes]:
    """Build a program that detects in one frame.

    Args:
        board: one of :data:`BOARDS`.
        source: exported C with the prefix ``people``, its header beside it.
        frame: (h, w, 2) of :func:`to_rgb565`.
        folder: for everything that is made.
        flags: of the compiler, for the exported C.
        least: score of a box.

    Returns:
        The program, and the sizes of the exported C in it.
    """
    height, width = frame.shape[:2]
    numbers = ",".join(map(str, frame.reshape(-1).tolist()))
    (folder / "frame.h").write_text(
        f"#define FRAME_WIDTH {width}\n#define FRAME_HEIGHT {height}\n"
        f"#define MOST {MOST}\n#define LEAST {float(least)!r}f\n"
        f"static const uint8_t frame[] = {{{numbers}}};\n"
    )
    (folder / "people.h").write_bytes(source.with_suffix(".h").read_bytes())
    model, program = folder / "people.o", folder / "program.elf"
    common = [board.compiler, *board.flags, "-std=c99", "-ffunction-sections", "-Wall", "-Wextra"]
    _call([*common, *flags, f"-I{folder}", "-c", str(source), "-o", str(model)])
    constants, variables = board.memory
    script = (FIRMWARE / "board.ld").read_text()
    script = script.replace("CONSTANTS", f"{constants:#x}").replace("VARIABLES", f"{variables:#x}")
    (folder / "board.ld").write_text(script)
    own = [str(FIRMWARE / name) for name in ("main.c", board.source)]
    link = ["-nostartfiles", f"-T{folder / 'board.ld'}", "-Wl,--gc-sections", "-Wl,-e,_start", f"-I{folder}"]
    _call([*common, "-std=gnu99", "-O1", *link, *own, str(model), "-o", str(program)])
    return program, sizes(board, model)


def sizes(board: Board, compiled: Path) -> Sizes:
    """Return what a compiled file takes."""
    said = _call([board.compiler.replace("gcc", "size"), "-A", str(compiled)])
    rows = [(found[1], int(found[2])) for found in re.finditer(r"^(\.\S+) +(\d+) ", said, re.MULTILINE)]

    def total(*names: str) -> int:
        return sum(size for name, size in rows if name.split(".")[1] in names)

    return Sizes(total("text"), total("rodata", "srodata"), total("bss", "data", "sbss", "sdata"))


def run(board: Board, program: Path, seconds: float = 120) -> Ran:
    """Run a program in the emulator.

    Raises:
        RuntimeError: it did not come to its end.
    """
    done = subprocess.run([*board.run, str(program)], capture_output=True, text=True, timeout=seconds, check=False)
    # Semihosting writes to standard output, or to standard error where the console is one.
    said = done.stdout + done.stderr
    lines = [line.split() for line in said.splitlines()]
    if done.returncode != 0 or ["end"] not in lines or ["overflow"] in lines:
        raise RuntimeError(f"{program}: {said[-500:]} (exit code {done.returncode})")
    numbers = {line[0]: int(line[1], 16) for line in lines if line[0] in ("instructions", "stack")}
    rows = [_row(line[1:]) for line in lines if line[0] == "box"]
    boxes = np.array(rows, np.float32).reshape(-1, 6)
    return Ran(boxes, numbers["instructions"] if board.counts else 0, numbers["stack"])


def _row(words: Sequence[str]) -> list[float]:
    return [*(struct.unpack("!f", bytes.fromhex(word))[0] for word in words[:5]), float(int(words[5], 16))]


def _call(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


def main() -> None:
    """Print the boxes of one photograph."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--board", choices=BOARDS, default="cortex-m7")
    parser.add_argument("--flags", default="-O2", help="of the compiler")
    parser.add_argument("--least", type=float, default=0.3, help="score of a box")
    arguments = parser.parse_args()
    board = BOARDS[arguments.board]
    if board.missing():
        parser.exit(2, f"{board.missing()}\n")
    image = cv2.imread(str(arguments.photograph))
    if image is None:
        parser.exit(2, f"{arguments.photograph}: is not a picture\n")
    small = cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA)[..., ::-1]
    with tempfile.TemporaryDirectory() as folder:
        frame = to_rgb565(np.ascontiguousarray(small))
        flags = shlex.split(arguments.flags)
        program, size = build(board, arguments.source, frame, Path(folder), flags, arguments.least)
        ran = run(board, program)
    print(f"{size}, {ran.stack} bytes of stack, {ran.instructions / 1e6:.1f} million instructions")
    for x1, y1, x2, y2, score, kind in ran.boxes:
        print(f"class {int(kind)} {score:.3f}  {x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f}")


if __name__ == "__main__":
    main()
