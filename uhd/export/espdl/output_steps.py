"""Steps of a graph's outputs, by what the predictions lose with them.

A map holds the boxes of every cell and anchor, and the largest sides are those of predictions that nobody believes:
they would decide the step of all others. So a step is halved as long as the predictions come closer to those of the
float model, in which a prediction counts as much as its score (:mod:`uhd.export.espdl.auto_int16`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_HALVED = 2  # how often, at most
_GAIN = 0.99  # what is left of the disagreement when it is worth it: less would be chance


def halve_output_steps(graph: Any, measure: Callable[[], float]) -> dict[str, float]:
    """Halve the steps of outputs in 8 bits, in place, where that brings predictions closer.

    Args:
        graph: of esp-ppq, calibrated.
        measure: returns the disagreement of the graph's predictions, as it is now, with those of the float model.

    Returns:
        by name of the output, which part of its step is left; those that stayed are not named.
    """
    changed: dict[str, float] = {}
    now = measure()
    for name, how in _settings(graph):
        for _ in range(_HALVED):
            before = how.scale
            how.scale = before / 2
            found = measure()
            if found > _GAIN * now:
                how.scale = before
                break
            now, changed[name] = found, changed.get(name, 1.0) / 2
    return changed


def _settings(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield the outputs that have a step of their own in 8 bits, with its settings."""
    for name, variable in graph.outputs.items():
        source = variable.source_op
        if source is None or not hasattr(source, "config"):
            continue
        how = source.config.output_quantization_config[source.outputs.index(variable)]
        if how.num_of_bits == 8 and how.is_revisable():
            yield name, how
