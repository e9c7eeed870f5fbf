"""The model of this task in the package answers what its card says it does, on scenes that it has never seen."""

from __future__ import annotations

import numpy as np

import uhd
from uhd.boxes import iou_matrix
from uhd.refer.onnx_finder import prompt_file
from uhd.refer.referrer import Referrer
from uhd.refer.weights import default_refer_model
from uhd.refer.world.describe import descriptions
from uhd.refer.world.scene import draw_scene


def test_it_reads_order_and_colours() -> None:
    path = default_refer_model()
    assert sum(file.stat().st_size for file in (path, prompt_file(path))) < 5_000_000
    find = uhd.load(path)
    assert isinstance(find, Referrer)
    right: dict[str, list[bool]] = {"place": [], "colour": []}
    for i in range(40):
        scene = draw_scene(np.random.default_rng([77, i]), (128, 128))
        if len(scene.people) < 2:
            continue
        found = find.look(scene.image)
        boxes = np.stack([person.box for person in scene.people]) / 128
        asked = [
            (text, who, facts[0].kind)
            for who in range(len(scene.people))
            for text, facts in descriptions(scene, who)
            if len(facts) == 1 and facts[0].kind in right
        ]
        scores = find.finder.ask_texts(found, [text for text, _, _ in asked])
        for row, (_, who, kind) in zip(scores, asked, strict=True):
            overlap = iou_matrix(found.boxes[row.argmax()][None], boxes.astype(np.float32), eps=1e-9)[0]
            right[kind].append(bool(overlap.argmax() == who and overlap[who] >= 0.5))
    assert min(len(each) for each in right.values()) > 20
    assert np.mean(right["place"]) > 0.8  # a blind choice is right in about 0.4
    assert np.mean(right["colour"]) > 0.7
