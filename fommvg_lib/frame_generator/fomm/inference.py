"""Faster equivalents of trained blocks, for inference only.

In eval mode batch norm is an affine map: where it follows a convolution directly it is folded into the
convolution's weights. A nearest doubling followed by a 3x3 convolution is one transposed 4x4 convolution of
stride 2, with 4/9 of the multiplications: each output pixel sees only 2x2 different inputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fommvg_lib.frame_generator.fomm.blocks import DownBlock, ResBlock, SameBlock, UpBlock
from fommvg_lib.frame_generator.fomm.generator import Generator


def fold_norms(module: nn.Module) -> None:
    """Fold every batch norm that directly follows a convolution, in place; the module must be in eval mode.

    A residual block's second norm follows its first convolution and is folded; its first norm comes before a
    ReLU and a convolution and stays.
    """
    for block in module.modules():
        if isinstance(block, SameBlock | DownBlock | UpBlock):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
        elif isinstance(block, ResBlock):
            block.conv1 = fuse_conv_bn_eval(block.conv1, block.norm2)
            block.norm2 = nn.Identity()


def merge_upsampling(module: nn.Module) -> None:
    """Make doubling and 3x3 convolution of every up block one transposed convolution, in place."""
    for block in module.modules():
        if isinstance(block, UpBlock):
            block.conv = transposed_equivalent(block.conv)
            block.upsample = nn.Identity()


def transposed_equivalent(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """Give the 4x4 transposed convolution of stride 2 that equals nearest doubling, then `conv`.

    Doubling is itself a transposed convolution with a 2x2 kernel of ones, so the kernel is the full
    convolution of the two.

    Raises:
        ValueError: unless `conv` is 3x3 with padding 1, stride 1, one group.
    """
    plain = conv.kernel_size == (3, 3) and conv.padding == (1, 1) and conv.stride == (1, 1)
    if not plain or conv.groups != 1:
        raise ValueError(f"only plain 3x3 convolutions have this equivalent, got {conv}")
    merged = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 4, stride=2, padding=1)
    merged = merged.to(conv.weight)
    with torch.no_grad():
        kernel = conv.weight.transpose(0, 1).flip(-1, -2)  # (in, out, 3, 3), as a transposed convolution
        merged.weight.copy_(4 * F.avg_pool2d(F.pad(kernel, (1, 1, 1, 1)), 2, stride=1))  # (in, out, 4, 4)
        merged.bias.copy_(conv.bias)
    return merged


class WideResiduals(nn.Module):
    """The bottleneck with float16 convolutions whose running sum stays float32.

    Every other convolution's output is normalised, and small; the sum is where values grow from block to
    block and could pass 65504. (bfloat16 has float32's range, and there this would only cost time.)

    Args:
        blocks: trained residual blocks with float16 convolutions.
    """

    def __init__(self, blocks: nn.Sequential) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), both in x's type."""
        total = x.float()
        for block in self.blocks:
            branch = block.conv1(F.relu(block.norm1(total)).to(x.dtype))
            total = total + block.conv2(F.relu(block.norm2(branch)))
        return total.to(x.dtype)


def use_half_convolutions(generator: Generator, dtype: torch.dtype) -> None:
    """Cast a generator's convolutions to bfloat16 or float16, in place.

    Norms that were not folded, anti-alias kernels and all geometry stay float32.
    """
    for layer in generator.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.to(dtype)
    if dtype == torch.float16:
        generator.bottleneck = WideResiduals(generator.bottleneck)
