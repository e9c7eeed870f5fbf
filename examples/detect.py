"""Find people in a photograph with five lines."""

import uhd

detector = uhd.load()
people = detector("examples/cameraman.jpg")
for person in people:
    print(person["score"], person["xyxy"])
