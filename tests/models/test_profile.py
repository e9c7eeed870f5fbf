"""Parameters are what is trained: running statistics are none."""

from __future__ import annotations

from uhd.models.profile import profile
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig


def test_buffers_are_no_parameters() -> None:
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=4, num_anchors=1))
    told = profile(network, (32, 32)).to_dict()
    assert told["params"] == sum(each.numel() for each in network.parameters())
    assert sum(each.numel() for each in network.buffers()) > 0
