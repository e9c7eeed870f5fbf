"""From a model to everything that ESP-DL and the simulator need, in one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.compress.calibration import calibration_images, calibration_paths
from uhd.compress.score import Score, labelled, score
from uhd.data.dataset import Dataset
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.export.espdl.accumulators import overflows
from uhd.export.espdl.auto_int16 import Mixer, Search, disagreement, layer_units, search_layers, tie_outputs
from uhd.export.espdl.clips import leave_out_clips
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.int16 import Int16, choose_int16, mixed_outputs
from uhd.export.espdl.latency import CHIPS, Latency, estimate
from uhd.export.espdl.output_steps import halve_output_steps
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, Quantised, quantise
from uhd.export.espdl.recipes import RECIPES
from uhd.export.espdl.simulation import Simulation, few
from uhd.export.espdl.simulator import RawMapPredictor, constants_to_metadata
from uhd.export.espdl.split_wide import parts_of, split_wide_convs, uncut
from uhd.export.espdl.write import write_espdl
from uhd.files import save_atomic

Array = NDArray[np.float32]
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Exported:
    """What was written and found.

    Attributes:
        files: in the order written; the ``.espdl`` first.
        int16: nodes in 16 bits.
        warnings: about patterns, widths of outputs and sums that overflow, one line each.
        search: of ``--auto-int16``.
        latency: the estimate; None for plain C.
        scores: float first; empty unless asked for.
        scored_images: how many.
    """

    files: tuple[Path, ...]
    int16: frozenset[str]
    warnings: tuple[str, ...]
    search: Search | None
    latency: Latency | None
    scores: tuple[Score, ...]
    scored_images: int


def export_espdl(prepared: Prepared, spec: ModelSpec, path: Path, config: EspdlConfig, say: Say) -> Exported:
    """Quantise, write, check the simulator against what was quantised, and measure what was asked for.

    Args:
        prepared, spec: from :func:`uhd.export.espdl.source.open_source`.
        path: the ``.espdl`` to write.
        config: everything else.
        say: receives lines of progress.

    Raises:
        UserError: no images, a pattern that matches nothing, a model that esp-ppq does not take.
        RuntimeError: see :func:`uhd.export.espdl.write.write_espdl`.
    """
    recipe = RECIPES[config.recipe] if config.recipe else None
    chosen = _chosen_by_name(prepared, config, recipe.patterns if recipe else ())
    for line in (*prepared.notes, *chosen.warnings):
        say(line)
    int16 = chosen.nodes
    if config.split_wide_convs:
        int16 = _split(prepared, int16, config, say)
    images = _images(spec, config, say)
    # Before the long work: labels that are missing are said at once.
    dataset = _labelled(spec, config) if config.score else None
    log = _empty_log(path)
    equalise = config.use_layerwise_equalization or (recipe is not None and recipe.equalise)
    how = Quantisation(
        config.target, config.num_of_bits, config.calib_algorithm, equalise, config.device, config.batch_size,
        correct_biases=config.bias_correction, reconstruct=config.reconstruction,
        store_relus=config.stored_relus,
    )  # fmt: skip
    metadata = _metadata(prepared, spec, config)
    plain: Quantised | None = None
    search = None
    if config.score and (int16 or config.auto_int16):
        say(f"quantising to {config.num_of_bits} bits for comparison (esp-ppq prints to {log})")
        plain = quantise(prepared.model, images, how, log=log)
    if config.auto_int16:
        search = _search(prepared, spec, images, how, int16, config.auto_int16, log, say)
        int16 |= search.nodes
    mixed = mixed_outputs(prepared.model, int16)
    counts = f"{len(images)} images, {len(int16)} nodes in 16 bits"
    for line in (*mixed, f"quantising for {config.target}: {counts} (esp-ppq prints to {log})"):
        say(line)
    quantised = quantise(prepared.model, images, how, int16, log=log)
    if config.calib_algorithm == "auto":
        _halve_output_steps(prepared, spec, images, quantised, say)
    narrow = _sums_that_overflow(quantised.graph, images)
    for line in narrow:
        say(line)
    quantised = replace(quantised, model=leave_out_clips(quantised.graph, quantised.model))
    files = write_espdl(quantised.graph, quantised.model, how, path, images[:1], metadata, log)
    files += _sidecars(prepared, path, config.export_anchors_wh_scale_dir or path.parent)
    chip = CHIPS.get(config.target)
    latency = estimate(prepared.model, chip, int16, config.num_of_bits) if chip else None
    scores: list[Score] = []
    if dataset is not None:
        say(f"scoring on {len(dataset)} images")
        scores = _scores(prepared, spec, plain, quantised, int16, config, dataset)
    scored = len(dataset) if dataset is not None else 0
    return Exported(tuple(files), int16, (*chosen.warnings, *mixed, *narrow), search, latency, tuple(scores), scored)


def _chosen_by_name(prepared: Prepared, config: EspdlConfig, optional: Sequence[str]) -> Int16:
    chosen = choose_int16(
        prepared.model, config.int16_op_pattern, optional, config.auto_int16_depthwiseconv, config.strict
    )
    if config.num_of_bits == 16 and (chosen.nodes or config.auto_int16):
        raise UserError("--num-of-bits 16: every layer is in 16 bits already; leave out the int16 flags")
    return chosen


def _split(prepared: Prepared, int16: frozenset[str], config: EspdlConfig, say: Say) -> frozenset[str]:
    """Cut wide 1x1 convolutions in place; returns the nodes in 16 bits by their new names."""
    limit = CHIPS.get(config.target, CHIPS["esp32s3"]).part_bytes
    cut = split_wide_convs(prepared.model, limit, int16, config.num_of_bits // 8)
    for name, count in cut.items():
        say(f"{name} cut into {count} parts")
    if not cut:
        say(f"--split-wide-convs: no 1x1 convolution has more than {limit // 1024} KB of weights")
    return parts_of(int16, prepared.model)


def _metadata(prepared: Prepared, spec: ModelSpec, config: EspdlConfig) -> dict[str, str]:
    # What was measured, was measured on the float model.
    card = spec.with_precision(f"int{config.num_of_bits}")
    return {**card.to_metadata(), **constants_to_metadata(prepared.constants)}


def _empty_log(path: Path) -> Path:
    log = path.with_name(f"{path.name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("", encoding="utf-8")
    return log


def _images(spec: ModelSpec, config: EspdlConfig, say: Say) -> Array:
    if config.photographs is None:
        raise UserError("which images to calibrate on? give --calibration DIR")
    report = Report()
    wanted = config.class_ids if config.dataset_type == "yolo" else None
    paths = calibration_paths(config.photographs, config.list_path, config.split, config.val_split, wanted, report)
    count = config.calibration_images or config.calib_steps * config.batch_size
    images = calibration_images(paths, count, spec.input_size, spec.resize_mode, report)
    for line in report.lines():
        say(line)
    # A last batch of another size would not fit the graph.
    whole = len(images) // config.batch_size * config.batch_size
    if whole < 2 * config.batch_size:
        raise UserError(f"--batch-size {config.batch_size}: {len(images)} images are fewer than two batches")
    return images[:whole]


def _labelled(spec: ModelSpec, config: EspdlConfig) -> Dataset:
    place = config.score_dir or config.photographs
    assert place is not None
    return labelled(place, spec, spec.classes or config.class_ids, config.val_split)


def _search(
    prepared: Prepared, spec: ModelSpec, images: Array, how: Quantisation, already: frozenset[str], count: int,
    log: Path, say: Say,
) -> Search:  # fmt: skip
    table = spec.to_metadata()
    say(f"quantising to {how.bits} and to 16 bits for the search (esp-ppq prints to {log})")
    # A layer that is tried in 16 bits must not have weights and a bias that make up for 8.
    rounded = replace(how, correct_biases=False, reconstruct=False, store_relus=False)
    low = quantise(prepared.model, images, rounded, already, log=log)
    high = quantise(prepared.model, images, replace(rounded, bits=16), log=log)
    reference = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, table).infer(images)
    predictor = RawMapPredictor(Simulation(low.graph).run, prepared.constants, table)
    mixer = Mixer(low.graph, high.graph, predictor, images, reference)
    open_layers = {name: nodes for name, nodes in layer_units(low.graph).items() if name not in already}
    units = tie_outputs(open_layers, low.graph)
    say(f"searching {len(units)} layers for the {count} that gain most from 16 bits, on {len(images)} images")
    return search_layers(units, mixer, count)


def _halve_output_steps(prepared: Prepared, spec: ModelSpec, images: Array, quantised: Quantised, say: Say) -> None:
    """Halve steps of outputs where predictions on the calibration images gain by it."""
    table, images = spec.to_metadata(), few(images)
    try:
        reference = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, table).infer(images)
    except (UserError, ValueError) as error:
        say(f"outputs keep their steps, as their predictions cannot be read: {error}")
        return
    predictor = RawMapPredictor(Simulation(quantised.graph).run, prepared.constants, table)
    changed = halve_output_steps(quantised.graph, lambda: disagreement(reference, predictor.infer(images)))
    for name, part in changed.items():
        say(f"{name}: {part:g} of the step that its largest values ask for, by which predictions come closer")


def _sums_that_overflow(graph: Any, images: Array) -> tuple[str, ...]:
    """Return a line for every convolution whose sums the chip may not hold."""
    units = layer_units(graph)
    said = {}
    for name, (largest, most) in overflows(graph, images).items():
        # Patterns are matched before layers are cut.
        nodes = dict.fromkeys(uncut(node) for node in units[name])
        pattern = "|".join(f"^{re.escape(node)}$" for node in nodes)
        said[pattern] = (
            f"{name}: its sums reach {largest:,} on these images and the chip's accumulators end at {most:,}, so what "
            f"it computes may be wrong; in 16 bits they are wider: --int16-op-pattern '{pattern}'"
        )
    return tuple(said.values())


def _sidecars(prepared: Prepared, path: Path, folder: Path) -> list[Path]:
    written = []
    for name, values in prepared.constants.items():
        target = folder / f"{path.stem}_{name}.npy"

        def write(temporary: Path, values: Array = values) -> None:
            with temporary.open("wb") as file:
                np.save(file, values)

        save_atomic(target, write)
        written.append(target)
    return written


def _scores(
    prepared: Prepared, spec: ModelSpec, plain: Quantised | None, final: Quantised, int16: frozenset[str],
    config: EspdlConfig, dataset: Dataset,
) -> list[Score]:  # fmt: skip
    table = spec.to_metadata()
    convs = sum(node.name in int16 for node in prepared.model.graph.node if node.op_type == "Conv")
    forms = {"float": FloatGraph(prepared.model).run}
    if plain is not None and int16:
        forms[f"{config.target} int{config.num_of_bits}"] = Simulation(plain.graph).run
        forms[f"{config.target} int8, {convs} convolutions int16"] = Simulation(final.graph).run
    else:
        forms[f"{config.target} int{config.num_of_bits}"] = Simulation(final.graph).run
    return [score(name, RawMapPredictor(run, prepared.constants, table), dataset) for name, run in forms.items()]
