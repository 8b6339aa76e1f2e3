"""Features of a small random 3-D network: always there, the same everywhere, and nobody's published figure.

Its distances tell a worse video from a better one on the same test set; they are not the Fréchet video
distance and are never called so. Random weights are enough to see blur, stillness, wrong order and jitter,
not to see what a video shows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.metrics.features import check_videos

SIDE = 64
WIDTHS = (16, 32, 64)
STRIDES = ((1, 2, 2), (1, 2, 2), (2, 2, 2))
CHANGE_GAIN = 4.0
"""By how much changes from frame to frame, which are small, count more than colours."""


class RandomFeatures:
    """Means and deviations of three layers of a random 3-D network, of frames and of their changes.

    It sees six planes: the frame in [-1, 1] and four times its change from the frame before. Frames are first
    brought to 64 x 64 pixels.

    Args:
        seed: of the weights; another seed is another metric.

    Source: our choice; random features after Saxe et al. 2011.
    """

    def __init__(self, seed: int = 0) -> None:
        self.name = f"random 3-D network, seed {seed}"
        randomness = torch.Generator().manual_seed(seed)
        self.weights = []
        entering = 6
        for width in WIDTHS:
            fan_in = 27 * entering
            weight = torch.randn(width, entering, 3, 3, 3, generator=randomness) * (2 / fan_in) ** 0.5
            self.weights.append(weight)
            entering = width

    @torch.no_grad()
    def __call__(self, videos: Tensor) -> Tensor:
        """Give features (B, 224) of videos (B, T, 1 or 3, H, W) in [0, 1]; images go as T = 1.

        Raises:
            ValueError: if shape or range do not fit.
        """
        videos = check_videos(videos)
        frames = nn.functional.interpolate(
            videos.flatten(0, 1), (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
        )
        frames = (2 * frames - 1).unflatten(0, videos.shape[:2]).transpose(1, 2)  # (B, 3, T, 64, 64)
        change = torch.diff(frames, dim=2, prepend=frames[:, :, :1])
        x = torch.cat([frames, CHANGE_GAIN * change], dim=1)
        found = []
        for weight, stride in zip(self.weights, STRIDES, strict=True):
            x = nn.functional.conv3d(x, weight.to(x), stride=stride, padding=1).relu()
            flat = x.flatten(2)
            found += [flat.mean(dim=-1), flat.std(dim=-1, correction=0)]
        return torch.cat(found, dim=1)
