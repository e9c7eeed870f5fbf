"""Boxes on an OpenMV camera, by TensorFlow Lite Micro.

Copy this file as main.py, with people.tflite, people_anchors.npy and people_wh_scale.npy, onto the camera.

    uhd export --format litert best.safetensors --kinds full-integer --calibration PHOTOGRAPHS --output people.tflite

For firmware 4.6 or later. The score is the product of all branches that the file has, as by default; a model with
--quality-power other than 1 has another one.
"""

import math

try:
    from ulab import numpy as np
except ImportError:  # on a computer, for the tests
    import numpy as np

LEAST = 0.35  # score; `uhd inspect people.tflite` says the model's as conf_thresh
SAME = 0.5  # overlap from which two boxes of a class are one


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -60 else 0.0


def softplus(x):
    return max(x, 0) + math.log(1 + math.exp(-abs(x)))


def decode(maps, scales, zeros, anchors, least=LEAST, same=SAME):
    """Return boxes (x1, y1, x2, y2, score, class) in shares of the image, best first.

    maps are the outputs of the model in its order, box first, as integers; scales and zeros say what those stand for;
    anchors holds the width and height of each.
    """
    count = len(anchors)
    _, height, width, _ = maps[0].shape
    maps = [map_.reshape((height * width, map_.shape[3])) for map_ in maps]
    least_logit = math.log(least / (1 - least)) if 0 < least < 1 else -1e9
    found = []
    for cell in range(height * width):
        for a in range(count):
            base, best, kind = 1.0, 0.0, 0
            for values, scale, zero in zip(maps[1:], scales[1:], zeros[1:]):  # noqa: B905  MicroPython has no strict
                classes = values.shape[1] // count
                for c in range(classes):
                    logit = (int(values[cell, a * classes + c]) - zero) * scale
                    # No factor is above 1, so one below the threshold is enough.
                    if logit >= least_logit and classes > 1 and sigmoid(logit) > best:
                        best, kind = sigmoid(logit), c
                    if classes == 1:
                        base *= sigmoid(logit) if logit >= least_logit else 0.0
                if classes > 1:
                    base *= best
                if base < least:
                    break
            if base < least or base == 0:
                continue
            tx, ty, tw, th = [(int(maps[0][cell, 4 * a + j]) - zeros[0]) * scales[0] for j in range(4)]
            x, y = (sigmoid(tx) + cell % width) / width, (sigmoid(ty) + cell // width) / height
            w, h = float(anchors[a][0]) * softplus(tw) / 2, float(anchors[a][1]) * softplus(th) / 2
            box = [min(max(side, 0.0), 1.0) for side in (x - w, y - h, x + w, y + h)]
            box.append(base)
            box.append(kind)
            found.append(box)
    found.sort(key=lambda row: -row[4])
    kept = []
    for row in found:
        if all(row[5] != other[5] or overlap(row, other) < same for other in kept):
            kept.append(row)
    return kept


def overlap(a, b):
    """Return the intersection over the union of two boxes."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def main():
    import time

    import csi
    import ml

    camera = csi.CSI()
    camera.reset()
    camera.pixformat(csi.RGB565)
    camera.framesize(csi.QVGA)
    camera.window((240, 240))  # a square, so that nothing is squeezed
    model = ml.Model("people.tflite")
    print(model)
    anchors = np.load("people_anchors.npy") * np.load("people_wh_scale.npy")
    clock = time.clock()
    while True:
        clock.tick()
        picture = camera.snapshot()
        maps = model.predict([picture])
        boxes = decode(maps, model.output_scale, model.output_zero_point, anchors)
        for x1, y1, x2, y2, score, _ in boxes:
            side = picture.width()
            picture.draw_rectangle((int(x1 * side), int(y1 * side), int((x2 - x1) * side), int((y2 - y1) * side)))
            print(f"person {score:.2f}")
        print(len(boxes), "found,", clock.fps(), "frames a second")


if __name__ == "__main__":
    main()
