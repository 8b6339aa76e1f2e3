"""Which frames a training window knows, drawn from the mixture of patterns that motion flow learns."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.config.flow import FlowConfig

MAX_KEYFRAME_SHARE = 0.5


def draw_known(batch: int, num_frames: int, config: FlowConfig, generator: torch.Generator) -> Tensor:
    """Draw a pattern of known frames for each window; every one has a known and an unknown frame.

    With the shares of the config: the first frame; the first and the last; a past of 1 to T - 1 frames. The
    rest knows random frames: each with one chance for the window, drawn up to a half, and one for certain.

    Args:
        batch: B.
        num_frames: T, at least 3.
        config: holds the shares.
        generator: source of randomness.

    Returns:
        (B, T) bool.
    """
    time = torch.arange(num_frames)
    first, last = time == 0, time == num_frames - 1
    past = time < torch.randint(1, num_frames, (batch, 1), generator=generator)
    bounds = torch.tensor([config.share_prediction, config.share_interpolation, config.share_past]).cumsum(0)
    kind = torch.bucketize(torch.rand(batch, generator=generator), bounds, right=True)[:, None]
    patterns = torch.stack(
        [
            first.expand(batch, -1),
            (first | last).expand(batch, -1),
            past,
            _keyframes(batch, num_frames, generator),
        ]
    )  # (4, B, T)
    return patterns.gather(0, kind.expand(batch, num_frames)[None])[0]


def _keyframes(batch: int, num_frames: int, generator: torch.Generator) -> Tensor:
    """Draw (B, T) bool: one certain frame, others by chance, and one that is never known."""
    order = torch.rand(batch, num_frames, generator=generator).argsort(dim=1)
    chance = MAX_KEYFRAME_SHARE * torch.rand(batch, 1, generator=generator)
    known = torch.rand(batch, num_frames, generator=generator) < chance
    known.scatter_(1, order[:, :1], True)
    return known.scatter_(1, order[:, 1:2], False)
