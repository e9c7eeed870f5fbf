"""The graph reduces and normalises frames exactly as the library does, at every size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from uhd.export.onnx.prelude import Prelude, normalise_inside, resize_inside
from uhd.resize import input_channels, resize_image, sample_indices, to_network
from uhd.runtime.onnx import open_session

SIZE = (48, 80)
Run = Callable[[np.ndarray], np.ndarray]
YUV = "opencv_inter_nearest_yuv422"


def identity(mode: str, resize: bool, uint8: bool, size: tuple[int, int] = SIZE) -> Run:
    """Return a network that does nothing, with the steps of a mode in front."""
    channels = input_channels(mode)
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, *size]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    prelude = Prelude(model)
    if resize:
        resize_inside(prelude, size, mode, uint8)
    if uint8:
        normalise_inside(prelude, mode, is_float=resize and "linear" in mode)
    prelude.insert([1, channels, *(("H", "W") if resize else size)], uint8)
    onnx.checker.check_model(model, full_check=True)
    session = open_session(model.SerializeToString())
    return lambda frame: session.run(None, {"x": frame})[0]


RESIZED = {mode: identity(mode, True, False) for mode in ("opencv_inter_nearest", "torch_nearest", YUV)}


@settings(max_examples=150, deadline=None)
@given(
    mode=st.sampled_from(["opencv_inter_nearest", "torch_nearest"]),
    height=st.integers(1, 1300),
    width=st.integers(1, 1300),
)
def test_rows_and_columns_are_those_of_the_library(mode: str, height: int, width: int) -> None:
    # Values that tell where they come from: the row in one channel, the column in the next.
    frame = np.zeros((1, 3, height, width), np.float32)
    frame[0, 0], frame[0, 1] = np.arange(height)[:, None], np.arange(width)
    found = RESIZED[mode](frame)[0]
    library = "torch" if mode.startswith("torch") else "cv2"
    assert np.array_equal(found[0, :, 0], sample_indices(height, SIZE[0], library))
    assert np.array_equal(found[1, 0], sample_indices(width, SIZE[1], library))


@pytest.mark.parametrize("mode", ["opencv_inter_nearest", "torch_nearest"])
def test_sizes_at_which_other_arithmetic_differs(mode: str) -> None:
    run = identity(mode, True, True, (64, 64))
    for height, width in ((240, 480), (960, 240), (480, 960), (63, 65), (1080, 1920)):
        frame = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        found = run(np.ascontiguousarray(frame.transpose(2, 0, 1)[None]))
        assert np.array_equal(found, to_network(resize_image(frame, (64, 64), mode)[None], mode))


@settings(max_examples=100, deadline=None)
@given(height=st.integers(1, 700), pairs=st.integers(1, 500))
def test_packed_yuv_keeps_its_columns_of_chroma_apart(height: int, pairs: int) -> None:
    width = 2 * pairs
    frame = np.zeros((1, 2, height, width), np.float32)
    frame[0, 0] = np.arange(width)
    frame[0, 1, :, 0::2], frame[0, 1, :, 1::2] = np.arange(pairs), 1000 + np.arange(pairs)  # U, V: number of their pair
    luma, chroma = RESIZED[YUV](frame)[0]
    columns = sample_indices(width, SIZE[1])
    assert np.array_equal(luma[0], columns)
    assert (chroma[:, 0::2] < 1000).all()
    assert (chroma[:, 1::2] >= 1000).all()
    # Both of a pair come from one pair: that of the left pixel.
    assert np.array_equal(chroma[0, 0::2], chroma[0, 1::2] - 1000)
    assert np.array_equal(chroma[0, 0::2], columns[0::2] // 2)


@pytest.mark.parametrize(
    "mode",
    [
        "opencv_inter_nearest", "torch_bilinear", YUV, "opencv_inter_nearest_y", "opencv_inter_nearest_y_bin",
        "opencv_inter_nearest_y_tri",
    ],
)  # fmt: skip
def test_bytes_are_normalised_as_in_training(mode: str) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    frame[0, :, :] = np.linspace(0, 255, SIZE[1]).astype(np.uint8)[:, None]  # every level of gray near the steps
    wanted = to_network(frame[None], mode)
    if mode.endswith(("_bin", "_tri")):
        # Bytes in are luma; the levels are cut in the graph.
        luma = to_network(frame[None], "opencv_inter_nearest_y")
        feed = np.rint(luma * 255).astype(np.uint8)
    else:
        feed = np.rint(wanted * 255).astype(np.uint8)
    assert np.abs(identity(mode, False, True)(feed) - wanted).max() < 1e-6


@pytest.mark.parametrize("mode", ["torch_bilinear", "opencv_inter_linear"])
def test_linear_reduction_is_the_librarys_within_a_level(mode: str) -> None:
    run = identity(mode, True, True)
    for height, width in ((48, 80), (240, 320), (100, 33)):
        frame = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        found = run(np.ascontiguousarray(frame.transpose(2, 0, 1)[None]))
        wanted = to_network(resize_image(frame, SIZE, mode)[None], mode)
        assert np.abs(found - wanted).max() <= 1.01 / 255
