"""Background motion: a ResNet-18 sees both frames and gives the camera's affine motion.

It carries driving-frame positions to source-frame positions (Zhao and Zhang 2022, Eq. 4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.frame_generator.grid import coordinate_grid
from fommvg_lib.frame_generator.resnet import ResNet18
from fommvg_lib.frame_generator.tpsmm.keypoint_detector import run_in_float32


class BackgroundPredictor(nn.Module):
    """Source and driving frame to a 3x3 matrix; the identity at the start of training.

    Args:
        config: sizes; see `TpsmmModelConfig`.
    """

    def __init__(self, config: TpsmmModelConfig) -> None:
        super().__init__()
        self.bg_encoder = ResNet18(2 * config.num_channels, 6, config.background_width)
        nn.init.zeros_(self.bg_encoder.fc.weight)
        with torch.no_grad():
            self.bg_encoder.fc.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Give (B, 3, 3), third row (0, 0, 1), for frames (B, C, H, W) in [0, 1]."""
        numbers = run_in_float32(self.bg_encoder, torch.cat([source, driving], dim=1))
        last_row = numbers.new_tensor([0.0, 0.0, 1.0]).expand(len(numbers), 1, 3)
        return torch.cat([numbers.unflatten(-1, (2, 3)), last_row], dim=1)


def background_grid(background: Tensor, size: tuple[int, int]) -> Tensor:
    """Move each pixel by a projective map.

    Args:
        background: (B, 3, 3), for positions (x, y, 1).
        size: (H, W) in pixels.

    Returns:
        Sampling grid (B, H, W, 2), xy.
    """
    x, y = coordinate_grid(size, background).unbind(-1)  # (H, W) each
    matrix = background.to(x.dtype)[:, :, :, None, None]  # (B, 3, 3, 1, 1)
    moved = matrix[:, :, 0] * x + matrix[:, :, 1] * y + matrix[:, :, 2]  # (B, 3, H, W)
    return (moved[:, :2] / moved[:, 2:]).permute(0, 2, 3, 1)
