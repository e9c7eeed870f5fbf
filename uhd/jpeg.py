"""Whether the data of a JPEG are whole, from its bytes: decoders paint over what is missing and say little."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_HOLE = 64  # zero bytes in a row
_BASELINE = (0xC0, 0xC1)
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
Codes = list[tuple[int, dict[str, int]]]


@dataclass
class JpegLayout:
    """What the headers of a JPEG say.

    Attributes:
        start: of the first scan's data, 0 where there is none.
        kind: of the frame: 0xC0 and 0xC1 are sequential.
        size: (height, width) of the picture as stored, (0, 0) where nothing says it.
        blocks: per component (identifier, columns, rows) of 8x8 blocks in a unit.
        tables: (class, number) -> symbol -> its bits as text.
        scan: per component of the first scan (identifier, number of its DC and its AC table).
    """

    start: int = 0
    kind: int = 0
    size: tuple[int, int] = (0, 0)
    blocks: list[tuple[int, int, int]] = field(default_factory=list)
    tables: dict[tuple[int, int], dict[int, str]] = field(default_factory=dict)
    scan: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def unit(self) -> tuple[int, int]:
        """Height and width in pixels of the unit (MCU) in which the scan is written."""
        if len(self.blocks) == 1:
            return 8, 8
        return 8 * max(rows for *_, rows in self.blocks), 8 * max(columns for _, columns, _ in self.blocks)

    def flat_bits(self) -> str:
        """Return the bits of a unit that is as flat as the one before, "" where the tables do not say."""
        found = ""
        sizes = {name: (1 if len(self.blocks) == 1 else columns * rows) for name, columns, rows in self.blocks}
        for name, dc, ac in self.scan:
            same, end = self.tables.get((0, dc), {}).get(0), self.tables.get((1, ac), {}).get(0)
            if same is None or end is None:
                return ""
            found += (same + end) * sizes.get(name, 1)
        return found


def jpeg_damage(data: NDArray[np.uint8]) -> str:
    """Return why the bytes (N,) cannot be a whole JPEG, or "": no end, or a hole in its data. Nothing is decoded."""
    raw = data.tobytes()
    layout = read_layout(raw)
    # Inside a scan 0xFF is always followed by 0x00 or a restart marker, so FF D9 there is the end.
    if layout.start and raw.find(b"\xff\xd9", layout.start) < 0:
        return "the JPEG is truncated (no end marker)"
    if not layout.start:
        return "" if raw.find(b"\xff\xd9", 2) >= 0 else "the JPEG is truncated (no end marker)"
    hole = raw.find(bytes(_HOLE), layout.start, raw.find(b"\xff\xd9", layout.start))
    if hole >= 0 and layout.kind in _BASELINE and "1" in layout.flat_bits():
        return "the JPEG is damaged (a hole in its data)"
    return ""


def jpeg_ends_early(data: NDArray[np.uint8], height: int, width: int) -> bool:
    """Return whether the first scan of a sequential JPEG holds fewer units than its picture has.

    The scan is read code by code, which takes a tenth of a second for 50 kB: ask only where a picture ends flat.

    Args:
        data: the file's bytes.
        height, width: of the picture as stored, before any turn by EXIF.
    """
    raw = data.tobytes()
    layout = read_layout(raw)
    if layout.kind not in _BASELINE or not layout.start or not layout.flat_bits():
        return False
    rows, columns = -(-height // layout.unit[0]), -(-width // layout.unit[1])
    scan = raw[layout.start : raw.find(b"\xff\xd9", layout.start)]
    parts = re.split(rb"\xff[\xd0-\xd7]", scan)
    return sum(_units_written(part.replace(b"\xff\x00", b"\xff"), layout) for part in parts) < rows * columns


def _units_written(scan: bytes, layout: JpegLayout) -> int:
    """Return how many units are whole in data without restart markers."""
    blocks = [(_by_code(layout.tables[(0, dc)]), _by_code(layout.tables[(1, ac)])) for _, dc, ac in layout.scan]
    sizes = {name: (1 if len(layout.blocks) == 1 else columns * rows) for name, columns, rows in layout.blocks}
    order = [tables for tables, (name, *_) in zip(blocks, layout.scan, strict=True) for _ in range(sizes.get(name, 1))]
    bits = "".join(f"{byte:08b}" for byte in scan)
    at = count = 0
    while True:
        for dc, ac in order:
            at = _after_block(bits, at, dc, ac)
            if at < 0:
                return count
        count += 1


def _after_block(bits: str, at: int, dc: Codes, ac: Codes) -> int:
    """Return the place behind a block, -1 where the data end or are no code."""
    size, at = _read_code(bits, at, dc)
    at += size
    place = 1
    while place < 64 and size >= 0:
        symbol, at = _read_code(bits, at, ac)
        if symbol <= 0:
            size = symbol
            break
        at += symbol & 15
        place += (symbol >> 4) + 1
    return at if size >= 0 and at <= len(bits) else -1


def _read_code(bits: str, at: int, codes: Codes) -> tuple[int, int]:
    """Return the symbol at a place, -1 for none, and the place behind it."""
    for length, known in codes:
        symbol = known.get(bits[at : at + length])
        if symbol is not None:
            return symbol, at + length
    return -1, at


def _by_code(table: dict[int, str]) -> Codes:
    """Return code -> symbol by length, short codes first."""
    found: dict[int, dict[str, int]] = {}
    for symbol, code in table.items():
        found.setdefault(len(code), {})[code] = symbol
    return sorted(found.items())


def read_layout(raw: bytes) -> JpegLayout:
    """Return what the headers in front of the first scan say; an EXIF thumbnail, a JPEG of its own, is passed over."""
    layout = JpegLayout()
    at = 2
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        length = int.from_bytes(raw[at + 2 : at + 4], "big")
        body = raw[at + 4 : at + 2 + length]
        if marker == 0xC4:
            _read_tables(body, layout)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC8, 0xCC) and len(body) >= 6:
            layout.kind = marker
            layout.size = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            parts = (body[6 + 3 * i : 9 + 3 * i] for i in range(body[5]))
            layout.blocks = [(part[0], part[1] >> 4, part[1] & 15) for part in parts if len(part) == 3]
        elif marker == 0xDA and body:
            pairs = (body[1 + 2 * i : 3 + 2 * i] for i in range(body[0]))
            layout.scan = [(pair[0], pair[1] >> 4, pair[1] & 15) for pair in pairs if len(pair) == 2]
            layout.start = at + 2 + length
            return layout
        at += 2 + length
    return layout


def _read_tables(body: bytes, layout: JpegLayout) -> None:
    """Add the Huffman tables of one header: 16 counts of codes by length, then the symbols in order."""
    at = 0
    while at + 17 <= len(body):
        kind, counts = body[at], body[at + 1 : at + 17]
        symbols = iter(body[at + 17 : at + 17 + sum(counts)])
        codes: dict[int, str] = {}
        code = 0
        for length, count in enumerate(counts, start=1):
            for symbol in (s for _, s in zip(range(count), symbols, strict=False)):
                codes[symbol] = f"{code:0{length}b}"
                code += 1
            code <<= 1
        layout.tables[(kind >> 4, kind & 15)] = codes
        at += 17 + sum(counts)
