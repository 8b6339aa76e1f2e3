"""The two networks that only train CVI: one judges a video, one each of its inner frames.

Layers as in a public re-implementation. Held smooth by layer norm (public) or by spectral norm in its place
(the paper's abstract names the adversarial objective alone). Pictures are in [-1, 1].
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from fommvg_lib.config.cvi import DISCRIMINATOR_HALVINGS, CviConfig

SLOPE = 0.2


class VideoDiscriminator(nn.Module):
    """3-D convolutions 4x4x4 that halve height and width four times and keep the frames."""

    def __init__(self, config: CviConfig) -> None:
        super().__init__()
        layers, entering = [], config.model.num_channels
        for width in _widths(config):
            layers.append(nn.ConstantPad3d((1, 1, 1, 1, 1, 2), 0.0))  # an even kernel, an unchanged T
            layers.append(_normed(nn.Conv3d(entering, width, 4, (1, 2, 2)), config))
            layers += [_norm(width, config), nn.LeakyReLU(SLOPE)]
            entering = width
        self.layers = nn.Sequential(*layers)
        side = config.size >> DISCRIMINATOR_HALVINGS
        self.score = _normed(nn.Linear(entering * config.model.num_frames * side**2, 1), config)

    def forward(self, video: Tensor) -> Tensor:
        """(B, C, T, H, W) -> logits (B,); above 0 is real."""
        return self.score(self.layers(video).flatten(1)).flatten()


class FrameDiscriminator(nn.Module):
    """2-D convolutions with shortcuts that halve a frame four times."""

    def __init__(self, config: CviConfig) -> None:
        super().__init__()
        rising = _widths(config)
        entering = rising[0]
        self.first = nn.Sequential(
            _normed(nn.Conv2d(config.model.num_channels, entering, 3, padding=1), config),
            _norm(entering, config),
            nn.LeakyReLU(SLOPE),
        )
        self.pairs = nn.ModuleList()
        for index, width in enumerate(rising):
            self.pairs.append(_HalvingPair(entering, width, index < len(rising) - 1, config))
            entering = width
        side = config.size >> DISCRIMINATOR_HALVINGS
        self.score = _normed(nn.Linear(entering * side**2, 1), config)

    def forward(self, frames: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N,); above 0 is real."""
        frames = self.first(frames)
        for pair in self.pairs:
            frames = pair(frames)
        return self.score(frames.flatten(1)).flatten()


class _HalvingPair(nn.Module):
    """A 4x4 convolution of stride 2 with a shortcut around it, then a 3x3 one unless it is the last pair."""

    def __init__(self, entering: int, width: int, has_second: bool, config: CviConfig) -> None:
        super().__init__()
        self.halve = _normed(nn.Conv2d(entering, width, 4, 2, 1), config)
        self.shortcut = _normed(nn.Conv2d(entering, width, 1), config)
        self.norm = _norm(width, config)
        self.second = None
        if has_second:
            second = _normed(nn.Conv2d(width, width, 3, padding=1), config)
            self.second = nn.Sequential(second, _norm(width, config), nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H/2, W/2)."""
        x = F.leaky_relu(self.norm(self.halve(x) + self.shortcut(F.avg_pool2d(x, 2))), SLOPE)
        return x if self.second is None else self.second(x)


def _widths(config: CviConfig) -> list[int]:
    return [config.discriminator_width * 2**level for level in range(DISCRIMINATOR_HALVINGS)]


def _normed(layer: nn.Module, config: CviConfig) -> nn.Module:
    return spectral_norm(layer) if config.uses_spectral_norm else layer


def _norm(width: int, config: CviConfig) -> nn.Module:
    """Layer norm over all that a sample has, with a scale and a shift for each channel."""
    return nn.Identity() if config.uses_spectral_norm else nn.GroupNorm(1, width)
