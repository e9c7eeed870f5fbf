"""The other names that the weights of DINOv3 have: those of the transformers library, brought to the authors' own.

There queries, keys and values are three matrices (the keys without a bias), the tokens that store things are called
registers, and the periods of the rotations are not in the file: they follow from the number of heads, which follows
from the width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from uhd.errors import UserError

HEADS = {384: 6, 768: 12, 1024: 16, 1280: 20, 4096: 32}
_BASE = 100.0  # of the periods
_TOKENS = {
    "embeddings.cls_token": "cls_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.register_tokens": "storage_tokens",
    "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
}
_PARTS = {
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
_GELU = {"mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"}
_GATED = {"mlp.gate_proj": "mlp.w1", "mlp.up_proj": "mlp.w2", "mlp.down_proj": "mlp.w3"}


def authors_names(state: Mapping[str, Tensor], where: Path, heads: int | None = None) -> dict[str, Tensor]:
    """Return a state dict under the authors' names; one that has them already is returned as it is.

    Args:
        state: names and tensors.
        where: the file, named in errors.
        heads: of the attention; by default what the width says.

    Raises:
        UserError: the number of heads is not known for this width.
    """
    state = {name.removeprefix("model."): value for name, value in state.items()}
    if "embeddings.cls_token" not in state:
        return state
    width = int(state["embeddings.cls_token"].shape[-1])
    heads = heads or HEADS.get(width)
    if heads is None:
        raise UserError(f"{where}: no DINOv3 vision transformer has the width {width}")
    gated = any(".mlp.gate_proj." in name for name in state)
    parts = _PARTS | (_GATED if gated else _GELU)
    count = width // heads // 4
    found = {"rope_embed.periods": _BASE ** (torch.arange(count) / count)}
    for name, value in state.items():
        if name in _TOKENS:
            found[_TOKENS[name]] = value
            continue
        block = re.fullmatch(r"layer\.(\d+)\.(.+)", name)
        if block is None:
            found[name] = value
            continue
        number, rest = block.groups()
        if re.fullmatch(r"attention\.[qkv]_proj\.(weight|bias)", rest):
            continue
        old = next((old for old in parts if rest.startswith(old)), None)
        found[f"blocks.{number}.{rest if old is None else rest.replace(old, parts[old])}"] = value
    return found | _joined(state)


def _joined(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the three matrices of every block as one, and their biases, zero where there is none."""
    found: dict[str, Tensor] = {}
    for name in state:
        block = re.fullmatch(r"layer\.(\d+)\.attention\.q_proj\.weight", name)
        if block is None:
            continue
        sources = [f"layer.{block[1]}.attention.{letter}_proj" for letter in "qkv"]
        weights = [state.get(f"{source}.weight") for source in sources]
        if any(weight is None for weight in weights):
            continue
        target = f"blocks.{block[1]}.attn.qkv"
        found[f"{target}.weight"] = torch.cat([weight for weight in weights if weight is not None])
        biases = [state.get(f"{source}.bias") for source in sources]
        if any(bias is not None for bias in biases):
            nothing = torch.zeros_like(state[name][:, 0])
            found[f"{target}.bias"] = torch.cat([nothing if bias is None else bias for bias in biases])
    return found
