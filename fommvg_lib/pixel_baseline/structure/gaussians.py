"""Structure from points as Gaussians: a frame generator's keypoints, or the joints of a body.

Keypoints learned without labels exist for any object and need no face tools; motion generators make them.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUM_JOINTS = 13
"""Joints of Penn Action's annotations: head, shoulders, elbows, wrists, hips, knees, ankles."""
JOINT_VARIANCE = 0.0023
"""Variance of joints' Gaussians: 1.5 px at 64 px, as is usual for pose maps."""


class PointGaussians:
    """Draws exp(-|z - p|^2 / (2 variance)) for each point, in [0, 1]; see `interface.Structure`.

    Points that are many share channels: consecutive groups of equal size, whose largest value is drawn (the
    50 points of a TPSMM stand in groups of 5, one for each spline).

    Args:
        kind: "kp" or "pose".
        num_points: P.
        variance: in squared coordinate units.
        max_channels: largest number of channels.
    """

    def __init__(self, kind: str, num_points: int, variance: float, max_channels: int) -> None:
        self.kind, self.num_points, self.variance = kind, num_points, variance
        self.per_channel = -(-num_points // max_channels)
        self.num_channels = -(-num_points // self.per_channel)

    def draw(self, points: Tensor, size: int) -> Tensor:
        """Give maps (N, num_channels, size, size) of points (N, P, 2); a point that is NaN is left out."""
        places = torch.linspace(-1, 1, size, device=points.device)
        # The Gaussian separates: two short exponentials and one product per pixel.
        x = torch.exp((places - points[..., :1]).square() / (-2 * self.variance))  # (N, P, size)
        y = torch.exp((places - points[..., 1:]).square() / (-2 * self.variance))
        maps = torch.nan_to_num(y[..., :, None] * x[..., None, :])  # (N, P, size, size)
        if self.per_channel == 1:
            return maps
        return torch.stack([group.amax(dim=1) for group in maps.split(self.per_channel, dim=1)], dim=1)
