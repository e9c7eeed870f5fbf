"""The page of a model on a hub: a header that machines read, and text for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from uhd.card import ModelCard

# As the hub calls them (https://huggingface.co/docs/hub/repositories-licenses).
_LICENCES = {
    "mit": "mit",
    "apache-2.0": "apache-2.0",
    "cc0-1.0": "cc0-1.0",
    "cc-by-4.0": "cc-by-4.0",
    "bsd-3-clause": "bsd-3-clause",
}
EXAMPLE = '''"""Find people in a photograph:  python example.py photo.jpg"""

import sys
from pathlib import Path

import uhd  # pip install uhd-vision

detector = uhd.load(Path(__file__).with_name("model.onnx"))
for person in detector(sys.argv[1]):
    print(person["class_name"], person["score"], person["xyxy"])
'''


def header(card: ModelCard, name: str) -> dict[str, Any]:
    """Return the YAML header (https://huggingface.co/docs/hub/model-cards) as plain values."""
    found: dict[str, Any] = {}
    if card.licence:
        known = _LICENCES.get(card.licence.lower())
        found["license"] = known or "other"
        if known is None:
            found["license_name"] = card.licence
    found |= {
        "library_name": "uhd-vision", "pipeline_tag": "object-detection",
        "tags": ["person-detection", "tiny", "edge", "onnx", card.arch],
    }  # fmt: skip
    if card.metrics:
        data = card.measured.data or "unnamed"
        split = card.measured.split or "unknown"
        found["model-index"] = [{
            "name": name,
            "results": [{
                "task": {"type": "object-detection"},
                "dataset": {"name": data, "type": data, "split": split},
                "metrics": [{"type": key, "value": float(value)} for key, value in card.metrics.items()],
            }],
        }]  # fmt: skip
    return found


def page(card: ModelCard, name: str, files: Sequence[Path]) -> str:
    """Return README.md.

    Args:
        card: of the model.
        name: of the model.
        files: what the folder holds, for the table of sizes.
    """
    height, width = card.input_size
    rows = "\n".join(f"| `{file.name}` | {file.stat().st_size / 1e3:.0f} kB |" for file in files)
    figures = "\n".join(f"| {key} | {value:.4f} |" for key, value in card.metrics.items())
    where = " ".join(filter(None, [card.measured.data, card.measured.split]))
    measured = (
        f"\n## Figures\n\nMeasured on {where or 'images that the file does not name'}.\n\n| | |\n|---|--:|\n{figures}\n"
    )
    return f"""---
{yaml.safe_dump(header(card, name), sort_keys=False, allow_unicode=True).strip()}
---

# {name}

A tiny detector ({card.arch}) of {", ".join(card.class_names)} in images of {width}x{height} pixels.

```
pip install uhd-vision
python example.py photo.jpg
```

| | |
|---|---|
| input | {width}x{height}, {card.colour}, {card.input_range}, {card.input_layout} |
| images are resized by | `{card.resize_mode}` |
| least score | {card.conf_thresh:.3f} |
| duplicates | {card.suppression.kind}, IoU {card.nms_iou:g} |
| licence of the weights | {card.licence or "not stated"} |
| version | {card.version or "not stated"} |

## Files

| | |
|---|--:|
{rows}
{measured if card.metrics else ""}"""
