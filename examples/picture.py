"""Draw the picture in README: the example photographs side by side, with what the model in the package finds.

python examples/picture.py [--output docs/people.jpg]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import uhd
from uhd.draw import draw
from uhd.read import read_image

HEIGHT = 400


def main() -> None:
    """Parse the command line and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/people.jpg"))
    arguments = parser.parse_args()
    detector = uhd.load()
    strips = []
    for path in sorted(Path(__file__).parent.glob("*.jpg")):
        image = read_image(path)
        found = draw(image, detector(image))
        width = round(image.shape[1] * HEIGHT / image.shape[0])
        seen = cv2.resize(image, detector.spec.input_size[::-1], interpolation=cv2.INTER_NEAREST)
        small = cv2.resize(seen, (HEIGHT // 3, HEIGHT // 3), interpolation=cv2.INTER_NEAREST)
        strip = cv2.resize(found, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        strip[-small.shape[0] - 4 :, -small.shape[1] - 4 :] = 255
        strip[-small.shape[0] - 2 : -2, -small.shape[1] - 2 : -2] = small
        strips.append(strip)
    picture = np.concatenate(strips, axis=1)
    cv2.imwrite(str(arguments.output), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"wrote {arguments.output} {picture.shape[1]}x{picture.shape[0]}; the insets show what the network sees")


if __name__ == "__main__":
    main()
