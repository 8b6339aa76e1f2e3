"""Multi-scale patch discriminator of the adversarial configs (public FOMM release).

4x4 convolutions without padding, instance norm from the second block on, leaky ReLU 0.2, 2x2 means between
blocks, then one 1x1 convolution. Module names are those of published checkpoints ("discs.0-5" for scale 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from fommvg_lib.config.fomm import DiscriminatorConfig
from fommvg_lib.frame_generator.grid import ImagePyramid, gaussian_heatmaps
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class Judgement:
    """What one discriminator says.

    Attributes:
        features: the blocks' outputs.
        prediction_map: (B, 1, h, w); real is 1, generated 0 (least squares).
    """

    features: list[Tensor]
    prediction_map: Tensor


class DiscriminatorBlock(nn.Module):
    """Convolution, optional norm, leaky ReLU, optional 2x2 mean."""

    def __init__(self, in_features: int, out_features: int, has_norm: bool, has_pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, 4)
        self.norm = nn.InstanceNorm2d(out_features, affine=True) if has_norm else None
        self.has_pool = has_pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, (H-3)/2, (W-3)/2), or (H-3, W-3) without pooling."""
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        x = F.leaky_relu(x, 0.2)
        return F.avg_pool2d(x, 2) if self.has_pool else x


class Discriminator(nn.Module):
    """One scale."""

    def __init__(self, config: DiscriminatorConfig, num_channels: int, num_kp: int) -> None:
        super().__init__()
        self.kp_variance = config.kp_variance
        self.use_kp = config.use_kp
        entering = num_channels + (num_kp if config.use_kp else 0)
        widths = [
            min(config.max_features, config.block_expansion * 2 ** (i + 1)) for i in range(config.num_blocks)
        ]
        blocks = []
        for i, width in enumerate(widths):
            blocks.append(DiscriminatorBlock(entering, width, i > 0, i < config.num_blocks - 1))
            entering = width
        self.down_blocks = nn.ModuleList(blocks)
        self.conv = nn.Conv2d(entering, 1, 1)
        if config.spectral_norm:
            self.conv = spectral_norm(self.conv)
            for block in blocks:
                block.conv = spectral_norm(block.conv)

    def forward(self, image: Tensor, kp: Motion | None) -> Judgement:
        """Judge (B, C, H, W) in [0, 1]; `kp` are the driving keypoints, needed with `use_kp`."""
        if self.use_kp:
            if kp is None:
                raise ValueError("discriminator.use_kp=True needs the driving keypoints, got None")
            heatmap = gaussian_heatmaps(kp.value, tuple(image.shape[-2:]), self.kp_variance)
            image = torch.cat([image, heatmap.to(image.dtype)], dim=1)
        features = []
        for block in self.down_blocks:
            image = block(image)
            features.append(image)
        return Judgement(features, self.conv(image))


class MultiScaleDiscriminator(nn.Module):
    """One discriminator for each scale of an image pyramid.

    Args:
        config: sizes and options.
        num_channels: image channels.
        num_kp: keypoints, counted only with `use_kp`.
    """

    def __init__(self, config: DiscriminatorConfig, num_channels: int, num_kp: int) -> None:
        super().__init__()
        self.pyramid = ImagePyramid(config.scales, num_channels)
        self.discs = nn.ModuleDict(
            {_name(scale): Discriminator(config, num_channels, num_kp) for scale in config.scales}
        )

    def forward(self, image: Tensor, kp: Motion | None = None) -> dict[float, Judgement]:
        """Judge (B, C, H, W) in [0, 1] at every scale; `use_kp` needs the driving keypoints."""
        return {scale: self.discs[_name(scale)](level, kp) for scale, level in self.pyramid(image).items()}


def _name(scale: float) -> str:
    return f"{scale:g}".replace(".", "-")
