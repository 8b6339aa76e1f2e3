"""FRGAN's refining stage: 3-D convolutions over a forecast clip mend what changes wrongly in time.

The stage was never released, and no layers are known; this is a definition in the paper's words (Zhao et al.,
ECCV 2018: spatio-temporal 3-D convolutions, residual learning, a video critic), with the residual principle
of the first stage: V = m r + (1 - m) V~. Clips are (B, C, T, S, S) in [-1, 1], T a multiple of 4.

Beside the forecast the network may see the start frame and the structure maps: without them it can smooth
what it is given but not tell which of two disagreeing frames is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.config.frgan import RefineConfig
from fommvg_lib.pixel_baseline.frgan.forecast import compose

HALVINGS = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
"""Factors (T, H, W) from one level of the U-Net to the next."""
TIME_UNIT = 4
"""Clips are a multiple of this long."""


@dataclass(frozen=True)
class Refined:
    """What the refining network gives.

    Attributes:
        clip: (B, C, T, S, S) in [-1, 1].
        mask: (B, 1, T, S, S) in [0, 1], 1 where the forecast is painted over.
    """

    clip: Tensor
    mask: Tensor


class ResidualBlock(nn.Module):
    """ReLU, 3x3x3, ReLU, 3x3x3, beside a shortcut (1x1x1 where the width changes)."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(num_in, num_out, 3, padding=1)
        self.conv2 = nn.Conv3d(num_out, num_out, 3, padding=1)
        self.shortcut = nn.Identity() if num_in == num_out else nn.Conv3d(num_in, num_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give (B, num_out, T, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(F.relu(x))))


class DenseLevel(nn.Module):
    """One decoder level: the encoder's map and all earlier outputs, mixed pixel by pixel, then a block.

    A 1x1x1 convolution of upsampled maps is the upsampled convolution of the maps: each is mixed at its own
    resolution.

    Args:
        num_skip: channels of the encoder's map.
        earlier: channels of the earlier outputs, in their order.
    """

    def __init__(self, num_skip: int, earlier: list[int]) -> None:
        super().__init__()
        self.mix_skip = nn.Conv3d(num_skip, num_skip, 1)
        self.mix_earlier = nn.ModuleList([nn.Conv3d(width, num_skip, 1, bias=False) for width in earlier])
        self.block = ResidualBlock(num_skip, num_skip)

    def forward(self, skip: Tensor, earlier: list[Tensor]) -> Tensor:
        """Give a map of the skip's shape."""
        mixed = self.mix_skip(skip)
        for mix, made in zip(self.mix_earlier, earlier, strict=True):
            mixed = mixed + F.interpolate(mix(made), size=skip.shape[-3:])
        return self.block(mixed)


class RefineGenerator(nn.Module):
    """The refining 3-D U-Net.

    Args:
        config: widths.
        num_channels: of the frames.
        num_conditions: channels of what is seen beside the forecast; 0 for none.
    """

    def __init__(self, config: RefineConfig, num_channels: int, num_conditions: int) -> None:
        super().__init__()
        widths = [min(config.max_width, config.base_width * 2**i) for i in range(len(HALVINGS) + 1)]
        self.first = nn.Conv3d(num_channels + num_conditions, widths[0], 3, padding=1)
        pairs = zip(widths[:-1], widths[1:], strict=True)
        self.down = nn.ModuleList([ResidualBlock(a, b) for a, b in pairs])
        middle = [ResidualBlock(widths[-1], widths[-1]) for _ in range(config.num_blocks)]
        self.middle = nn.Sequential(*middle)
        self.up, earlier = nn.ModuleList(), [widths[-1]]
        for width in widths[-2::-1]:
            self.up.append(DenseLevel(width, earlier))
            earlier = [*earlier, width]
        self.last = nn.Conv3d(widths[0], num_channels + 1, 3, padding=1)
        nn.init.constant_(self.last.bias[-1:], config.mask_bias)

    def forward(self, forecast: Tensor, condition: Tensor | None = None) -> Refined:
        """Refine a forecast clip (B, C, T, S, S), T a multiple of 4, under (B, N, T, S, S).

        Raises:
            ValueError: if the clip's length does not fit.
        """
        if forecast.shape[2] % TIME_UNIT:
            raise ValueError(f"a clip must be a multiple of {TIME_UNIT} long, got {forecast.shape[2]} frames")
        seen = forecast if condition is None else torch.cat([forecast, condition], dim=1)
        skips = [self.first(seen)]
        for factor, block in zip(HALVINGS, self.down, strict=True):
            skips.append(block(F.avg_pool3d(skips[-1], factor)))
        made = [self.middle(skips[-1])]
        for level, skip in zip(self.up, skips[-2::-1], strict=True):
            made.append(level(skip, made))
        heads = self.last(F.relu(made[-1])).float()
        mask = torch.sigmoid(heads[:, -1:])
        return Refined(compose(torch.tanh(heads[:, :-1]), mask, forecast), mask)


class VideoCritic(nn.Module):
    """Scores clips with their condition: four 4x4x4 convolutions, leaky ReLU .2, mean over the clip, linear.

    Args:
        config: widths.
        num_channels: of clip and condition together.
    """

    def __init__(self, config: RefineConfig, num_channels: int) -> None:
        super().__init__()
        widths = [min(config.critic_max_width, config.critic_width * 2**i) for i in range(4)]
        layers, strides = [], ((1, 2, 2), *[(2, 2, 2)] * 3)
        for num_in, num_out, stride in zip([num_channels, *widths[:-1]], widths, strides, strict=True):
            layers.append(nn.Conv3d(num_in, num_out, 4, stride, padding=(0, 1, 1)))
        self.layers = nn.ModuleList(layers)
        self.score = nn.Linear(widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give scores (B, 1) of (B, C, T, S, S)."""
        for layer in self.layers:
            x = F.leaky_relu(layer(F.pad(x, (0, 0, 0, 0, 1, 2))), 0.2)
        return self.score(x.mean(dim=(2, 3, 4)))
