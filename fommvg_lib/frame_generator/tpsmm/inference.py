"""Faster equivalents of trained blocks, for inference only.

Instance norms depend on the image and cannot be folded. What can be done once: the ResNets' batch norms go
into their convolutions, doublings merge with the convolution after them.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fommvg_lib.frame_generator.fomm import inference
from fommvg_lib.frame_generator.fomm.blocks import UpBlock
from fommvg_lib.frame_generator.resnet import BasicBlock, ResNet18

MOST_CHANNEL_PAIRS = 2**19
"""Up blocks with more channels in times out are left alone: those of the published hourglass work on 2x2 and
4x4 pixels, where reading the merged, larger kernel takes longer than it saves."""


def fold_batch_norms(module: nn.Module) -> None:
    """Fold the batch norms of ResNets into the convolutions before them, in place, in eval mode."""
    for network in module.modules():
        if isinstance(network, ResNet18):
            network.conv1 = fuse_conv_bn_eval(network.conv1, network.bn1)
            network.bn1 = nn.Identity()
        elif isinstance(network, BasicBlock):
            network.conv1 = fuse_conv_bn_eval(network.conv1, network.bn1)
            network.conv2 = fuse_conv_bn_eval(network.conv2, network.bn2)
            network.bn1, network.bn2 = nn.Identity(), nn.Identity()
            if network.downsample is not None:
                network.downsample = nn.Sequential(fuse_conv_bn_eval(*network.downsample))


def merge_upsampling(module: nn.Module) -> None:
    """Make doubling and convolution of the up blocks one transposed convolution, in place, where it pays."""
    for block in module.modules():
        if isinstance(block, UpBlock):
            if block.conv.in_channels * block.conv.out_channels <= MOST_CHANNEL_PAIRS:
                inference.merge_upsampling(block)


def use_half_convolutions(network: nn.Module, dtype: torch.dtype) -> None:
    """Cast a network's convolutions to bfloat16 or float16, in place; norms and geometry stay float32."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.to(dtype)
