"""A drawing of a network, made from its exported graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from uhd.export.onnx.blocks import Block, blocks_of
from uhd.files import save_atomic

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _LANE = 212, 44, 20, 24, 20, 14
_FILL = {"in": "#e8f0fe", "out": "#e6f4ea", "decode": "#fef7e0", "block": "#ffffff", "step": "#f1f3f4"}


def write_diagram(source: Path, path: Path) -> Path:
    """Draw an ONNX file as SVG; returns the path written.

    Raises:
        UserError: not an ONNX file, or the drawing cannot be written.
    """
    text = to_svg(blocks_of(source), source.name)
    save_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def to_svg(blocks: Mapping[str, Block], title: str) -> str:
    """Return the drawing: blocks from top to bottom, each below everything that it takes."""
    rows = _rows(blocks)
    columns = max(len(row) for row in rows)
    lanes = _lanes(blocks, rows)
    inner = columns * _WIDTH + (columns - 1) * _GAP_X
    width = inner + 2 * _MARGIN + _LANE * (1 + max(lanes.values(), default=-1))
    height = 2 * _MARGIN + 24 + len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y
    corner: dict[str, tuple[float, float]] = {}
    for r, row in enumerate(rows):
        left = _MARGIN + (inner - len(row) * _WIDTH - (len(row) - 1) * _GAP_X) / 2
        for c, key in enumerate(row):
            corner[key] = left + c * (_WIDTH + _GAP_X), _MARGIN + 24 + r * (_HEIGHT + _GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#5f6368"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 4}" font-size="13" font-weight="600">{escape(title)}: '
        f"{sum(each.params for each in blocks.values()):,} params, "
        f"{sum(each.flops for each in blocks.values()) / 1e6:.2f} MFLOPs</text>",
    ]
    side = _MARGIN + inner
    for key, block in blocks.items():
        for source in block.after:
            lane = lanes.get((source, key))
            parts.append(_line(corner[source], corner[key], None if lane is None else side + _LANE * (lane + 0.7)))
    parts += [_box(block, _kind(key, block), corner[key]) for key, block in blocks.items()]
    return "\n".join([*parts, "</svg>", ""])


def _rows(blocks: Mapping[str, Block]) -> list[list[str]]:
    """Return the keys by row; a block stands one row below the lowest that it takes."""
    row = dict.fromkeys(blocks, 0)
    # As many rounds as the longest way is long; never more, should modules feed each other in turn.
    for _ in blocks:
        lower = {key: 1 + max((row[source] for source in block.after), default=-1) for key, block in blocks.items()}
        if lower == row:
            break
        row = lower
    rows: list[list[str]] = [[] for _ in range(1 + max(row.values()))]
    place: dict[str, float] = {}
    for key, r in sorted(row.items(), key=lambda item: item[1]):
        rows[r].append(key)
    for keys in rows:
        # Below what it takes, so that lines cross as little as may be.
        wanted = {
            key: sum(place[s] for s in blocks[key].after if s in place) / max(1, len(blocks[key].after)) for key in keys
        }
        keys.sort(key=lambda key: wanted[key])
        place |= {key: i - (len(keys) - 1) / 2 for i, key in enumerate(keys)}
    return rows


def _lanes(blocks: Mapping[str, Block], rows: list[list[str]]) -> dict[tuple[str, str], int]:
    """Return a lane beside the blocks for every line that would run through one, short ones inside."""
    row = {key: r for r, keys in enumerate(rows) for key in keys}
    long = [(s, key) for key, block in blocks.items() for s in block.after if row[key] - row[s] > 1]
    taken: list[list[tuple[int, int]]] = []
    lanes = {}
    for s, key in sorted(long, key=lambda edge: row[edge[1]] - row[edge[0]]):
        span = row[s], row[key]
        lane = next(
            (i for i, spans in enumerate(taken) if all(span[1] <= a or b <= span[0] for a, b in spans)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append(span)
        lanes[s, key] = lane
    return lanes


def _line(start: tuple[float, float], end: tuple[float, float], lane: float | None) -> str:
    style = 'fill="none" stroke="#5f6368" stroke-width="1.2" marker-end="url(#tip)"'
    if lane is None:
        x1, y1, x2, y2 = start[0] + _WIDTH / 2, start[1] + _HEIGHT, end[0] + _WIDTH / 2, end[1]
        middle = (y1 + y2) / 2
        return f'<path d="M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}" {style}/>'
    # Leaves low on the right side and comes in high, so that lines in one lane do not touch.
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT * 0.7, end[0] + _WIDTH, end[1] + _HEIGHT * 0.3
    return f'<path d="M{x1:g} {y1:g}H{lane - 5:g}q5 0 5 5V{y2 - 5:g}q0 5 -5 5H{x2:g}" {style}/>'


def _box(block: Block, kind: str, corner: tuple[float, float]) -> str:
    x, y = corner
    facts = ["×".join(map(str, block.shape))] if block.shape and all(block.shape) else []
    facts += [f"{block.params:,} params"] if block.params else []
    facts += [f"{block.flops / 1e6:.2f} MFLOPs"] if block.flops >= 5e3 else []
    middle = x + _WIDTH / 2
    lines = [(block.title, 'font-weight="600"', 17), (" · ".join(facts), 'fill="#3c4043" font-size="9"', 33)]
    text = "".join(
        f'<text x="{middle:g}" y="{y + (dy if facts else 27):g}" text-anchor="middle" {style}>{escape(line)}</text>'
        for line, style, dy in lines
        if line
    )
    box = (
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{_FILL[kind]}" stroke="#9aa0a6"/>'
    )
    return box + text


def _kind(key: str, block: Block) -> str:
    if not block.after:
        return "in"
    if key.startswith("output "):
        return "out"
    return "decode" if key == "decode" else "step" if key.startswith("/") else "block"
