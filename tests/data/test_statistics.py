from __future__ import annotations

import json
from pathlib import Path

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.data.statistics import statistics


def test_counts(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 5)
    heights = {0: [], 1: ["0 .5 .5 .1 .1"], 2: ["1 .5 .5 .1 .125", "0 .5 .5 .1 .24"], 3: ["0 .5 .5 .2 .5"], 4: []}
    for i, lines in heights.items():
        (tmp_path / f"p{i:03d}.txt").write_text("\n".join(lines))
    config = DataConfig(image_dir=tmp_path, classes=(0, 1))
    opened = open_data(config)
    dataset = read_dataset(opened.train + opened.val, config, opened.report, False)
    found = statistics(dataset, opened.names, 64)
    assert (found.images, found.empty, found.boxes, found.most_boxes) == (5, 2, 4, 2)
    assert found.heights == {"<8": 1, "8-16": 2, "16-32": 0, ">32": 1}
    assert found.per_class == {"0": 3, "1": 1}
    assert (found.smallest, found.largest) == ((40, 60), (56, 52))
    assert json.loads(json.dumps(found.to_dict()))["boxes"] == 4
    assert "5 images (40x60 to 56x52), 2 without objects (40%)" in found.lines()[0]
