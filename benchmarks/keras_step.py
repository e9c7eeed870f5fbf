"""What a training step of the Keras network costs beside one of the torch network, in the same trainer.

    python benchmarks/keras_step.py [--widths 16 32] [--batch 16] [--steps 10] [--pairs 7]

Forward, a loss, backward, clipping and optimiser on a fixed batch, one thread; the two take turns, and the median ratio
of their processor times is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from environment import environment

from uhd.keras_detector.network import KerasNetwork
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.optimiser import build_optimiser
from uhd.training.parameters import group_parameters


class Stepper:
    """One network and its optimiser."""

    def __init__(self, network: UltraTinyOD) -> None:
        self.network = network.to(memory_format=torch.channels_last).train()
        groups = group_parameters(network, network.answers(), network.scales())
        self.optimiser = build_optimiser(groups, TrainConfig(optimizer="adamw"))

    def seconds(self, images: torch.Tensor, steps: int) -> float:
        """Return the processor time of some steps."""
        began = time.process_time()
        for _ in range(steps):
            loss = self.network(images).square().mean()
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
            self.optimiser.step()
        return time.process_time() - began


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(environment(1))
    images = torch.rand(arguments.batch, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    for width in arguments.widths:
        config = UltraTinyODConfig(cnn_width=width)
        keras, bare = Stepper(KerasNetwork(config, (64, 64))), Stepper(UltraTinyOD(config))
        pairs = [
            (keras.seconds(images, arguments.steps), bare.seconds(images, arguments.steps))
            for _ in range(arguments.pairs + 1)
        ][1:]
        each = statistics.median(b for _, b in pairs) / arguments.steps * 1e3
        print(f"width {width}: {statistics.median(a / b for a, b in pairs):.2f} times torch's step of {each:.1f} ms")


if __name__ == "__main__":
    main()
