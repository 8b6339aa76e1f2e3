"""Building blocks: the FOMM's with instance norm in the place of batch norm, and resizes of maps and grids.

Bilinear resizes use `align_corners=True`, like all sampling of this family.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.config.fomm import HourglassConfig
from fommvg_lib.frame_generator.fomm import blocks
from fommvg_lib.frame_generator.fomm.blocks import laid_out_as
from fommvg_lib.frame_generator.grid import warp


class InstanceNorm(nn.Module):
    """Normalises each channel of each image, then scales and shifts it; no running statistics.

    Args:
        num_features: channels.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W); statistics are float32 whatever the type of x."""
        if x.device.type != "cpu":
            return F.instance_norm(x, weight=self.weight, bias=self.bias)
        # The same, 2 to 10 times faster: batch norm of one image keeps channels-last order.
        images = [F.batch_norm(one, None, None, self.weight, self.bias, training=True) for one in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)


def with_instance_norms(module: nn.Module) -> nn.Module:
    """Replace every batch norm inside a module by an instance norm, in place; gives the module."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, InstanceNorm(child.num_features))
    return module


def same_block(in_features: int, out_features: int, kernel_size: int) -> nn.Module:
    """Convolution, norm, ReLU; the size stays."""
    return with_instance_norms(blocks.SameBlock(in_features, out_features, kernel_size))


def down_block(in_features: int, out_features: int) -> nn.Module:
    """Convolution, norm, ReLU, 2x2 mean."""
    return with_instance_norms(blocks.DownBlock(in_features, out_features))


def up_block(in_features: int, out_features: int) -> nn.Module:
    """Nearest doubling, convolution, norm, ReLU."""
    return with_instance_norms(blocks.UpBlock(in_features, out_features))


def res_block(num_features: int) -> nn.Module:
    """Twice norm, ReLU, convolution, added to the input."""
    return with_instance_norms(blocks.ResBlock(num_features))


class Hourglass(blocks.Hourglass):
    """The FOMM's hourglass with instance norms, which gives all maps of its decoder.

    Args:
        config: widths and depth.
        in_features: channels of the input.

    Attributes:
        decoded_features: channels of the maps that `forward` gives.
    """

    def __init__(self, config: HourglassConfig, in_features: int) -> None:
        super().__init__(config, in_features)
        with_instance_norms(self)
        skips = [in_features, *blocks.hourglass_widths(config)[:-1]]
        ups = [block.conv.out_channels for block in self.decoder.up_blocks]
        self.decoded_features = [up + skip for up, skip in zip(ups, reversed(skips), strict=True)]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in, H, W) -> num_blocks maps (B, decoded_features[i], ...), sides doubling up to (H, W)."""
        *skips, x = self.encoder(laid_out_as(self.encoder.down_blocks[0].conv.weight, x))
        maps = []
        for block, skip in zip(self.decoder.up_blocks, reversed(skips), strict=True):
            x = torch.cat([block(x), skip], dim=1)
            maps.append(x)
        return maps


def resize_map(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (B, C, H, W) to (B, C, *size) bilinearly, corner to corner, if they have another size."""
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=size, mode="bilinear", align_corners=True)


def warp_by(deformation: Tensor, image: Tensor) -> Tensor:
    """Sample `image` (1 or B, C, H, W) where the flow (B, h, w, 2), resized to it, points; in float32."""
    with torch.autocast(image.device.type, enabled=False):
        grid = resize_map(deformation.permute(0, 3, 1, 2), tuple(image.shape[-2:])).permute(0, 2, 3, 1)
        return warp(image, grid, align_corners=True)
