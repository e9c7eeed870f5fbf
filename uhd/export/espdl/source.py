"""The graph to quantise, from an ONNX file or from a checkpoint, with how it is fed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.prepare import Prepared, prepare
from uhd.export.open_model import Opened, open_model
from uhd.resize import format_size, input_channels, parse_size


def open_source(path: Path, config: EspdlConfig) -> tuple[Prepared, ModelSpec]:
    """Read a model and say how it is fed; see :func:`prepare_opened`."""
    return prepare_opened(open_model(path), config)


def prepare_opened(opened: Opened, config: EspdlConfig) -> tuple[Prepared, ModelSpec]:
    """Make an opened model ready for esp-ppq, and say how it is fed.

    Raises:
        UserError: not a model that ESP-DL can run, or flags that contradict it.
    """
    graph = opened.separate_outputs("ESP-DL", config.all_branches)
    prepared = prepare(graph, str(opened.path), config.expand_group_conv)
    return prepared, _spec(prepared, config, opened.path)


def _spec(prepared: Prepared, config: EspdlConfig, path: Path) -> ModelSpec:
    _, channels, height, width = prepared.input_shape
    table = prepared.metadata
    asked = config.img_size or (parse_size(table["img_size"]) if table.get("img_size") else (height, width))
    if asked != (height, width):
        raise UserError(
            f"{path}: takes {format_size((height, width))} images, not {format_size(asked)}; leave out --img-size"
        )
    mode = config.resize_mode or table.get("resize_mode") or "opencv_inter_nearest"
    if input_channels(mode) != channels:
        raise UserError(
            f"{path}: takes {channels} channels but --resize-mode {mode} gives {input_channels(mode)}; "
            "give the mode it was trained with"
        )
    try:
        spec = ModelSpec.from_metadata({**table, "resize_mode": mode}, input_size=(height, width))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: its metadata cannot be read: {error}") from None
    return dataclasses.replace(spec, resize_mode=mode)
