"""Fill a text encoder of BERT's kind with published weights, under the names of the `transformers` library."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from uhd.errors import UserError
from uhd.models.weights import State, read_weights
from uhd.refer.model.bert import Bert
from uhd.refer.model.byte_pairs import BytePairs
from uhd.refer.model.library_file import library_file
from uhd.refer.model.vocabulary import Vocabulary

_PREFIXES = ("bert.", "roberta.", "distilbert.")
_EMBEDDINGS = {
    "words": "embeddings.word_embeddings",
    "places": "embeddings.position_embeddings",
    "types": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "pooler": "pooler.dense",
}
# Of every block: query, key, value, what follows attention, its norm, both layers of the MLP, their norm.
_BLOCK = ("attention.query", "", "", "attention.out", "norms.0", "first", "last", "norms.1")
_BERT = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip
_DISTIL = (
    "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1",
    "ffn.lin2", "output_layer_norm",
)  # fmt: skip


def load_bert(encoder: Bert, path: Path, vocabulary: Vocabulary) -> None:
    """Fill an encoder; the layer that makes its states as wide as the network, and a pooler that is not there, keep
    their own weights.

    Args:
        encoder: as large as the file's.
        path: a ``.safetensors`` or ``.bin`` file, or the folder of one.
        vocabulary: that numbers the words.

    Raises:
        UserError: the file cannot be read, or holds another network.
    """
    file = library_file(path)
    theirs = {_plain(name): value for name, value in read_weights(file)[0].items()}
    found = {}
    for ours, value in encoder.state_dict().items():
        if ours.startswith(("out.", "out_norm.")):
            continue
        made = _tensor(ours, theirs)
        if made is None:
            if ours.startswith("pooler."):
                continue
            raise UserError(f"{file}: holds nothing for {ours}: not the weights of this text encoder")
        found[ours] = made
        if made.shape != value.shape:
            raise UserError(
                f"{file}: belongs to another text encoder: {ours} has the shape {list(made.shape)}, "
                f"not {list(value.shape)}"
            )
    if isinstance(vocabulary, BytePairs):  # padding is 0 here and 1 there
        found["words.weight"] = found["words.weight"][[1, 0, *range(2, len(found["words.weight"]))]]
    encoder.load_state_dict(found, strict=False)


def _plain(name: str) -> str:
    """Return a published name without what stands before the encoder, and as newer files spell it."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _tensor(ours: str, theirs: State) -> Tensor | None:
    """Return the tensor for one of ours; None where there is none."""
    layer, _, kind = ours.rpartition(".")
    if not layer.startswith("blocks."):
        return theirs.get(f"{_EMBEDDINGS[layer]}.{kind}")
    _, number, part = layer.split(".", 2)
    for stem, names in ((f"encoder.layer.{number}.", _BERT), (f"transformer.layer.{number}.", _DISTIL)):
        wanted = names[1:3] if part == "attention.key_value" else (names[_BLOCK.index(part)],)
        there = [theirs[name] for name in (f"{stem}{each}.{kind}" for each in wanted) if name in theirs]
        if len(there) == len(wanted):
            return torch.cat(there)
    return None
