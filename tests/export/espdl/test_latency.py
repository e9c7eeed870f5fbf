"""The estimate follows its formula, names what does not fit, and says everywhere that it is an estimate."""

from __future__ import annotations

import json

import pytest

from uhd.export.espdl.latency import CHIPS, LABEL, Latency, estimate, layer_estimate

from .conftest import conv_model

S3, P4 = CHIPS["esp32s3"], CHIPS["esp32p4"]
KB = 1024


def test_a_layer_that_fits_costs_only_its_multiply_adds() -> None:
    layer = layer_estimate("a", 7_500_000, 64, 64 * KB, S3)
    assert layer.milliseconds == layer.compute_ms == pytest.approx(10)
    assert layer_estimate("a", 7_500_000, 64, 32 * KB, S3, bits=16).compute_ms == pytest.approx(20)


def test_a_layer_beyond_the_cache_is_read_again_for_every_pixel() -> None:
    layer = layer_estimate("a", 0, 64, 64 * KB + 1, S3)
    assert layer.memory_ms == pytest.approx(64 * (64 * KB + 1) / 160e6 * 1e3)
    assert layer_estimate("a", 0, 64, 64 * KB + 1, P4).memory_ms == 0
    # 16 bits take twice the room: what fitted does not any more.
    assert layer_estimate("a", 0, 64, 40 * KB, S3).memory_ms == 0
    assert layer_estimate("a", 0, 64, 40 * KB, S3, bits=16).memory_ms > 0


def test_multiply_adds_and_weights_are_counted_from_the_graph() -> None:
    (layer,) = estimate(conv_model((6, 5, 3, 3), size=10), S3).layers
    assert (layer.pixels, layer.macs, layer.weight_bytes) == (64, 6 * 5 * 9 * 64, 6 * 5 * 9)
    (layer,) = estimate(conv_model((6, 1, 3, 3), size=10, group=6), S3, {"/wide/conv/Conv"}).layers
    assert (layer.macs, layer.weight_bytes, layer.bits) == (6 * 9 * 64, 6 * 9 * 2, 16)
    assert estimate(conv_model((6, 5, 3, 3)), S3, bits=16).layers[0].bits == 16


def test_layers_over_and_close_to_the_cache_are_named() -> None:
    layers = [
        layer_estimate(name, 10**6, 64, size * KB, S3) for name, size in (("fits", 48), ("close", 64), ("over", 65))
    ]
    found = Latency(S3, tuple(layers))
    assert [layer.name for layer in found.over_cache] == ["over"]
    assert [layer.name for layer in found.near_cache] == ["close"]
    assert found.milliseconds == pytest.approx(sum(layer.milliseconds for layer in layers))
    assert found.cautious_milliseconds == pytest.approx(found.milliseconds + 64 * 64 * KB / 160e6 * 1e3)
    text = "\n".join(found.summary())
    assert "over: 65 KB of weights exceed the 64 KB cache" in text
    assert "close (64 KB)" in text
    assert "fits" not in text


def test_it_says_estimate_everywhere() -> None:
    found = estimate(conv_model((8, 8, 1, 1)), S3)
    assert LABEL.startswith("ESTIMATE")
    assert LABEL in found.summary()[0]
    assert LABEL in found.to_text().splitlines()[0]
    table = json.loads(json.dumps(found.to_dict()))
    assert table["label"] == LABEL
    assert table["layers"][0]["milliseconds"] == found.layers[0].milliseconds
