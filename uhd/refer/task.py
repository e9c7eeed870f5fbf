"""The task of finding who is meant: a network, its objective, and its accuracy on the validation pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from uhd.config import to_plain
from uhd.data.dataset import Dataset
from uhd.refer.config import PromptConfig, RatesConfig, ReferDataConfig
from uhd.refer.evaluate import ReferReport, evaluate_refer
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.losses import centre_mask, refer_loss
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.proposals import STRIDE
from uhd.refer.prompt_batches import PromptBatch
from uhd.refer.targets import ReferTargets
from uhd.refer.torch_finder import TorchFinder
from uhd.resize import to_network
from uhd.training.parameters import ParameterGroups, group_parameters
from uhd.training.task import Metric


class ReferTask:
    """Train and measure a network of this task.

    Args:
        model: the network.
        data: size and resize mode.
        loss: weights of the objective.
        val: validation pictures.
        prompts: what is asked for in training.
        rates: how fast each part learns.
    """

    tag = "refer"

    def __init__(
        self, model: ReferNetwork, data: ReferDataConfig, loss: ReferLossConfig, val: Dataset,
        prompts: PromptConfig | None = None, rates: RatesConfig | None = None,
    ) -> None:  # fmt: skip
        self.model: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.metric = Metric("accuracy", label="acc")
        self.companion: nn.Module | None = None
        self._network, self.data, self.loss_config, self.val = model, data, loss, val
        self.prompts, self.rates = prompts or PromptConfig(), rates or RatesConfig()
        self.report: ReferReport | None = None

    def parameter_groups(self) -> ParameterGroups:
        """Return the network's parameters by what optimisers may do with them."""
        rates = {self._network.backbone: self.rates.backbone_rate, self._network.text: self.rates.text_rate}
        return group_parameters(self._network, self._network.answers(), self._network.scales(), rates)

    def start_epoch(self, epoch: int) -> None:
        """Nothing depends on the epoch."""

    def loss(self, model: nn.Module, batch: PromptBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts; see :class:`~uhd.training.task.Task`.

        In every second picture the network looks at the people's true places too, so that poses, masks and words are
        learnt from the first step on; in the others it has to find them as it will have to later.
        """
        device = next(self._network.parameters()).device
        images = torch.from_numpy(to_network(batch.images, self.data.resize_mode, channels_last=True)).to(device)
        targets = ReferTargets.of(batch, device)
        wanted = centre_mask(targets, (-(-images.shape[2] // STRIDE), -(-images.shape[3] // STRIDE)))
        wanted[1::2] = False
        prompts, who = torch.from_numpy(batch.prompts).to(device), torch.from_numpy(batch.who).to(device)
        scene, scores = model(images, prompts, batch.kind, None, wanted)
        return refer_loss(scene, scores, who, targets, self.loss_config)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the figures of a model on the validation pictures."""
        assert isinstance(model, ReferNetwork)
        finder = TorchFinder(model, self.data.img_size, self.data.resize_mode)
        self.report = evaluate_refer(finder, self.val, self.data.resize_mode)
        return self.report.flat()

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the model and its input."""
        return {
            "task": "refer",
            "refer_model": to_plain(self._network.config),
            "words": list(self._network.vocabulary.words),
            "input_size": list(self.data.img_size),
            "resize_mode": self.data.resize_mode,
        }

    def settings(self) -> dict[str, Any]:
        """Return the configurations that a resumed run continues with."""
        configs = {
            "refer_loss": self.loss_config, "refer_data": self.data, "refer_prompts": self.prompts,
            "refer_rates": self.rates,
        }  # fmt: skip
        return {name: to_plain(config) for name, config in configs.items()}
