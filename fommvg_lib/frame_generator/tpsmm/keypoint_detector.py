"""Keypoint detector: a ResNet-18 on the whole image gives all points at once (Zhao and Zhang 2022).

Points 5j .. 5j + 4 belong to thin-plate spline j. There are no heatmaps and no Jacobians.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.frame_generator.fomm.blocks import laid_out_as
from fommvg_lib.frame_generator.resnet import ResNet18
from fommvg_lib.motion import Motion


class KeypointDetector(nn.Module):
    """Image to keypoints.

    Args:
        config: sizes; see `TpsmmModelConfig`.
    """

    def __init__(self, config: TpsmmModelConfig) -> None:
        super().__init__()
        self.num_kp = config.num_kp
        self.fg_encoder = ResNet18(config.num_channels, 2 * config.num_kp, config.detector_width)

    def forward(self, image: Tensor) -> Motion:
        """Find the keypoints of (B, C, H, W) in [0, 1]; value (B, 5 * num_tps, 2), float32, in (-1, 1)."""
        numbers = run_in_float32(self.fg_encoder, image)
        return Motion((2 * torch.sigmoid(numbers) - 1).unflatten(-1, (self.num_kp, 2)))


def run_in_float32(network: ResNet18, image: Tensor) -> Tensor:
    """Run a ResNet whose last layer keeps float32 under autocast: its outputs are positions."""
    features = network.features(laid_out_as(network.conv1.weight, image))
    with torch.autocast(image.device.type, enabled=False):
        return network.fc(features.to(network.fc.weight.dtype))
