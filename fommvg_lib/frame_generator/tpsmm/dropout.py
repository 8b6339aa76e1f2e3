"""TPS dropout: early in training some splines are left out, so that each of them learns to be of use.

The paper scales the maps that are kept; in the public release that scaling has no effect, and so it is here.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6


def draw_kept(batch_size: int, num_tps: int, probability: float, generator: torch.Generator) -> Tensor:
    """Draw which candidates take part.

    Args:
        batch_size: B.
        num_tps: splines K.
        probability: P of leaving a spline out, from `TpsmmConfig.dropout_probability`.
        generator: source of all randomness; the result lies on its device.

    Returns:
        (B, K + 1) bool; candidate 0, the background, is always kept.
    """
    uniform = torch.rand(batch_size, num_tps + 1, generator=generator, device=generator.device)
    return kept_of(uniform, probability)


def kept_of(uniform: Tensor, probability: float) -> Tensor:
    """Keep candidates whose number in [0, 1) is below 1 - P, and candidate 0; (B, K + 1) bool."""
    kept = uniform < 1 - probability
    kept[:, 0] = True
    return kept


def softmax_of_kept(logits: Tensor, kept: Tensor | None) -> Tensor:
    """Softmax over the candidates (dim 1) that are kept; the others get weight 0.

    Args:
        logits: (B, K + 1, H, W).
        kept: (B, K + 1) bool; None keeps all.
    """
    if kept is None:
        return torch.softmax(logits, dim=1)
    exponentials = torch.exp(logits - logits.amax(1, keepdim=True)) * kept[:, :, None, None]
    return exponentials / (exponentials.sum(1, keepdim=True) + EPSILON)
