"""Attention and post-norm transformer layers with torch's state-dict names, batch first.

torch's own layers switch to a fused kernel in evaluation mode that the ONNX exporter does not know; these do not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.layers import activation
from uhd.models.transformer.config import TransformerConfig


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al., 2017) with the weights of query, key and value in one matrix.

    Paper: https://arxiv.org/abs/1706.03762
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor, source: Tensor) -> Tensor:
        """Let tokens (B, N, width) look at a source (B, S, width), which may be the same; returns (B, N, width)."""
        width = tokens.shape[-1]
        if source is tokens:
            query, key, value = F.linear(tokens, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        else:
            query = F.linear(tokens, self.in_proj_weight[:width], self.in_proj_bias[:width])
            key, value = F.linear(source, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, -1)
        query, key, value = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=self.dropout if self.training else 0.0)
        result: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return result

    def multiply_adds(self, inputs: tuple[Tensor, ...]) -> int:
        """Count the multiply-adds for one image, without those of ``out_proj``."""
        (n, width), s = inputs[0].shape[1:], inputs[1].shape[1]
        return int((n + 2 * s) * width * width + 2 * n * s * width)


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward block; each is added to its input and normalised."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = Attention(width, config.heads, config.dropout)
        self.linear1 = nn.Linear(width, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.act, self.drop = activation(config.activation), nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        tokens = self.norm1(tokens + self.drop(self.self_attn(tokens, tokens)))
        hidden = self.drop(self.act(self.linear1(tokens)))
        result: Tensor = self.norm2(tokens + self.drop(self.linear2(hidden)))
        return result


class DecoderLayer(nn.Module):
    """Self-attention of the queries, attention to the image, feed-forward; each added to its input and normalised."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = Attention(width, config.heads, config.dropout)
        self.multihead_attn = Attention(width, config.heads, config.dropout)
        self.linear1 = nn.Linear(width, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.act, self.drop = activation(config.activation), nn.Dropout(config.dropout)

    def forward(self, queries: Tensor, image: Tensor) -> Tensor:
        """Let queries (B, Q, width) read the image's tokens (B, N, width); returns (B, Q, width)."""
        queries = self.norm1(queries + self.drop(self.self_attn(queries, queries)))
        queries = self.norm2(queries + self.drop(self.multihead_attn(queries, image)))
        hidden = self.drop(self.act(self.linear1(queries)))
        result: Tensor = self.norm3(queries + self.drop(self.linear2(hidden)))
        return result


class Encoder(nn.Module):
    """Encoder layers, one after the other."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class Decoder(nn.Module):
    """Decoder layers, one after the other, all reading the same image."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))

    def forward(self, queries: Tensor, image: Tensor) -> list[Tensor]:
        """Map queries (B, Q, width) and the image's tokens (B, N, width) to what every layer makes of them."""
        found = []
        for layer in self.layers:
            queries = layer(queries, image)
            found.append(queries)
        return found
