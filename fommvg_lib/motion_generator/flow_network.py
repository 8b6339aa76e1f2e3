"""The network of motion flow: a small transformer over time that gives the velocity of a probability flow.

One token a frame. A token holds the frame's displacement (noisy where it is unknown, clean where it is
known) and whether it is known; the time of the flow, the reference frame and how lively the motion is are
added to every token and modulate every block. Positions are rotary: only distances in time count, so any
length goes through. Sources: Vaswani et al. 2017 (transformer), Su et al. 2021 (rotary positions), Peebles
and Xie 2023 (modulated norms that begin as the identity).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

FLOW_FEATURES = 32
"""Sines and cosines of the time of the flow."""
LONGEST_WAVE = 128.0
"""Frames in the slowest rotary wave, over 2 pi."""


class FlowNetwork(nn.Module):
    """Gives the velocity of a motion on its way from noise.

    Args:
        num_dims: D.
        width: of a token.
        num_layers: transformer blocks.
        num_heads: of attention; the width over it must be even.
        hidden_dim: of each block's two-layer network.

    Raises:
        ValueError: if the width does not divide.
    """

    def __init__(self, num_dims: int, width: int, num_layers: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        if width % (2 * num_heads):
            raise ValueError(f"width {width} must be an even number for each of num_heads {num_heads} heads")
        self.embed = nn.Linear(num_dims + 1, width)
        self.flow_time = nn.Linear(FLOW_FEATURES, width)
        self.reference = nn.Linear(num_dims, width)
        self.activity = nn.Linear(num_dims, width, bias=False)
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(_Block(width, num_heads, hidden_dim) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)
        self.read_out = nn.Linear(width, num_dims)
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)

    def forward(
        self, path: Tensor, time: Tensor, known: Tensor, reference: Tensor, activity: Tensor
    ) -> Tensor:
        """Give the velocity in every frame, known ones included.

        Args:
            path: (B, T, D), displacement from the reference frame in units of its spread: a draw from the
                prior at time 0, motion at time 1, the known frames clean at all times.
            time: (B,) of the flow, in [0, 1].
            known: (B, T) bool.
            reference: (B, D), the reference frame, centred and scaled.
            activity: (B, D), how lively each component is, a logarithm.

        Returns:
            (B, T, D).
        """
        tokens = self.embed(torch.cat([path, known[..., None].to(path)], dim=-1))  # (B, T, W)
        condition = self.flow_time(flow_features(time)) + self.reference(reference)
        condition = condition + self.activity(activity)  # (B, W)
        condition = self.condition(condition)[:, None]
        tokens = tokens + condition
        waves = rotary_waves(path.shape[1], self.blocks[0].head_dim, path)
        for block in self.blocks:
            tokens = block(tokens, condition, waves)
        return self.read_out(self.norm(tokens))


class _Block(nn.Module):
    """Attention over time, then a two-layer network on each token; both behind a modulated norm."""

    def __init__(self, width: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = num_heads, width // num_heads
        self.modulate = nn.Linear(width, 2 * width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.query_key_value = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.widen = nn.Linear(width, hidden_dim)
        self.narrow = nn.Linear(hidden_dim, width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, tokens: Tensor, condition: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
        """Map tokens (B, T, W) under a condition (B, 1, W)."""
        scales = (1 + self.modulate(functional.silu(condition))).chunk(2, dim=-1)
        tokens = tokens + self.join(self._attend(self.norms[0](tokens) * scales[0], waves))
        return tokens + self.narrow(functional.gelu(self.widen(self.norms[1](tokens) * scales[1])))

    def _attend(self, tokens: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
        parts = self.query_key_value(tokens).unflatten(-1, (3, self.num_heads, self.head_dim))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, T, head_dim)
        query, key = rotate(query, waves), rotate(key, waves)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(2)


def flow_features(time: Tensor) -> Tensor:
    """Give sines and cosines (B, 32) of a time of the flow (B,)."""
    rates = torch.exp(torch.linspace(0, math.log(64.0), FLOW_FEATURES // 2, dtype=time.dtype)).to(time.device)
    angles = math.pi * time[:, None] * rates / 2
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def rotary_waves(num_frames: int, head_dim: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Give cosine and sine (T, head_dim / 2) of the rotary angle of each frame."""
    rates = LONGEST_WAVE ** -(
        torch.arange(head_dim // 2, device=like.device, dtype=like.dtype) / (head_dim // 2)
    )
    angles = torch.arange(num_frames, device=like.device, dtype=like.dtype)[:, None] * rates
    return angles.cos(), angles.sin()


def rotate(vectors: Tensor, waves: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of numbers of (..., T, head_dim) by the angle of its frame."""
    cosine, sine = waves
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
