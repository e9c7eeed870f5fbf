"""Draw docs/found.jpg: what the shipped model answers on drawn scenes that it has not seen.

python docs/found_picture.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import uhd
from uhd.refer.draw import draw_answers
from uhd.refer.weights import default_refer_model
from uhd.refer.world.describe import descriptions
from uhd.refer.world.scene import draw_scene

SIDE, SHOWN = 256, 4
SEED = 2_000  # of no training


def main() -> None:
    """Ask for two people of every scene, by one of the texts that mean each."""
    find = uhd.load(default_refer_model())
    rows = []
    number = 0
    while len(rows) < SHOWN:
        scene = draw_scene(np.random.default_rng([SEED, number]), (SIDE, SIDE))
        number += 1
        if len(scene.people) < 3:
            continue
        said = [[text for text, facts in descriptions(scene, who) if facts] for who in range(len(scene.people))]
        texts = [each[number % len(each)] for each in said if each][:2]
        if len(texts) == 2:
            drawn = [draw_answers(scene.image, [find(scene.image, text=text)]) for text in texts]  # type: ignore[operator]
            rows.append(np.concatenate(drawn))
    picture = np.concatenate(rows, 1)
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    Path(__file__).with_name("found.jpg").write_bytes(data.tobytes())


if __name__ == "__main__":
    main()
