"""Find people in a photograph with five lines."""

from pathlib import Path

import uhd

detector = uhd.load()
people = detector(Path(__file__).with_name("cameraman.jpg"))
for person in people:
    print(person["score"], person["xyxy"])
