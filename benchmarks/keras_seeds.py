"""Whether Keras learns what torch learns: the same recipe, data and steps, computed by each, over several seeds.

    python benchmarks/keras_seeds.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only torch|keras]

Both frameworks start a seed from the same weights and see the same pictures, so that only rounding parts them. AP50 is
that of the final averaged weights on ``val/``; finished runs are not repeated.
"""

from __future__ import annotations

from short_run import compare_changes

FRAMEWORKS: dict[str, dict[str, object]] = {"torch": {}, "keras": {"framework": "keras"}}


if __name__ == "__main__":
    compare_changes(FRAMEWORKS, __doc__, "runs/keras_seeds", (0, 1, 2))
