"""Building blocks of the First Order Motion Model; attribute names are those of published checkpoints.

Norm is batch norm (eps 1e-5, momentum 0.1). Inputs are taken to the weights' type and memory order at the
door, so that a network whose convolutions were cast to bfloat16 or channels-last can be fed anything.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.config.fomm import HourglassConfig


class SameBlock(nn.Module):
    """Convolution, norm, ReLU; the size stays."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, padding=kernel_size // 2)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)."""
        return F.relu(self.norm(self.conv(laid_out_as(self.conv.weight, x))))


class DownBlock(nn.Module):
    """Convolution, norm, ReLU, 2x2 mean."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/2, W/2)."""
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


class UpBlock(nn.Module):
    """Nearest doubling, convolution, norm, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv = nn.Conv2d(in_features, out_features, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2H, 2W)."""
        return F.relu(self.norm(self.conv(self.upsample(x))))


class ResBlock(nn.Module):
    """Twice norm, ReLU, convolution, added to the input (pre-activation)."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.conv2 = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(num_features)
        self.norm2 = nn.BatchNorm2d(num_features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Encoder(nn.Module):
    """Down blocks of an hourglass; gives the input and every block's output."""

    def __init__(self, config: HourglassConfig, in_features: int) -> None:
        super().__init__()
        widths = [in_features, *hourglass_widths(config)]
        self.down_blocks = nn.ModuleList(
            DownBlock(widths[i], widths[i + 1]) for i in range(config.num_blocks)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give num_blocks + 1 maps, sides halving."""
        outputs = [x]
        for block in self.down_blocks:
            outputs.append(block(outputs[-1]))
        return outputs


class Decoder(nn.Module):
    """Up blocks of an hourglass, each followed by the encoder's map of the same size."""

    def __init__(self, config: HourglassConfig, in_features: int) -> None:
        super().__init__()
        encoded = hourglass_widths(config)
        decoded = [min(config.max_features, config.block_expansion * 2**i) for i in range(config.num_blocks)]
        blocks = []
        for i in reversed(range(config.num_blocks)):
            is_first = i == config.num_blocks - 1
            entering = encoded[i] if is_first else decoded[i + 1] + encoded[i]
            blocks.append(UpBlock(entering, decoded[i]))
        self.up_blocks = nn.ModuleList(blocks)
        self.out_features = decoded[0] + in_features

    def forward(self, outputs: list[Tensor]) -> Tensor:
        """Give (B, block_expansion + in_features, H, W)."""
        *skips, x = outputs
        for block, skip in zip(self.up_blocks, reversed(skips), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return x


class Hourglass(nn.Module):
    """U-shaped network of the keypoint detector and the dense motion.

    Args:
        config: widths and depth.
        in_features: channels of the input.

    Attributes:
        out_features: block_expansion + in_features.
    """

    def __init__(self, config: HourglassConfig, in_features: int) -> None:
        super().__init__()
        self.encoder = Encoder(config, in_features)
        self.decoder = Decoder(config, in_features)
        self.out_features = self.decoder.out_features

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out_features, H, W); H and W divisible by 2^num_blocks."""
        return self.decoder(self.encoder(laid_out_as(self.encoder.down_blocks[0].conv.weight, x)))


def hourglass_widths(config: HourglassConfig) -> list[int]:
    """Give the encoder's widths."""
    return [min(config.max_features, config.block_expansion * 2 ** (i + 1)) for i in range(config.num_blocks)]


def laid_out_as(weight: Tensor, x: Tensor) -> Tensor:
    """Give `x` in the type and memory order of a convolution's weight, so that no layer after it converts."""
    is_channels_last = not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if is_channels_last else torch.preserve_format
    return x.to(weight.dtype, memory_format=order)


def joint_conv(x: Tensor, convs: list[nn.Conv2d]) -> tuple[Tensor, ...]:
    """Apply equally shaped convolutions to one input as a single one, which reads the input once."""
    weight = torch.cat([conv.weight for conv in convs])
    bias = torch.cat([conv.bias for conv in convs])
    joined = F.conv2d(x, weight, bias, padding=convs[0].padding)
    return joined.split([conv.out_channels for conv in convs], dim=1)
