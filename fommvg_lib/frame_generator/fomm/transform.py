"""Random affine and thin-plate transform of the equivariance losses (Siarohin et al. 2019, Sec. 3.3).

t(z) = A z + b + s(z) (1, 1) with s(z) = sum_i w_i d_i^2 log(d_i + 1e-6), d_i = |z - c_i|_1 to the points c_i
of a regular control grid. The L1 distance and the one scalar for both axes are the public release's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fommvg_lib.config.fomm import TransformConfig
from fommvg_lib.frame_generator.grid import coordinate_grid, warp
from fommvg_lib.share import Share

EPSILON = 1e-6


@dataclass(frozen=True)
class Transform:
    """One transform for each item of a batch.

    Attributes:
        theta: (B, 2, 3), the affine part [A | b].
        control_params: (B, 1, P * P), the spline's weights; None for an affine transform.
        points_tps: P, control points along each side.
    """

    theta: Tensor
    control_params: Tensor | None = None
    points_tps: int = 5

    def to(self, device: torch.device | str) -> Transform:
        """Move to a device."""
        params = None if self.control_params is None else self.control_params.to(device)
        return Transform(self.theta.to(device), params, self.points_tps)

    def part(self, share: Share) -> Transform:
        """Give the transforms of a share of the batch."""
        params = None if self.control_params is None else share.of(self.control_params)
        return Transform(share.of(self.theta), params, self.points_tps)

    def points(self, xy: Tensor) -> Tensor:
        """Give t at points (B, N, 2), the same shape; points (1, N, 2) serve the whole batch."""
        theta = self.theta.to(xy.dtype)[:, None]  # (B, 1, 2, 3)
        moved = theta[..., 0] * xy[..., :1] + theta[..., 1] * xy[..., 1:] + theta[..., 2]
        if self.control_params is None:
            return moved
        distance = self._offsets(xy).abs().sum(-1)  # (B, N, P*P)
        bumps = distance**2 * torch.log(distance + EPSILON)  # the same for all items if the points are
        with torch.autocast(xy.device.type, enabled=False):
            return moved + bumps @ self.control_params.to(xy.dtype).transpose(1, 2)

    def jacobian(self, xy: Tensor) -> Tensor:
        """Give the derivative of t at points (B, N, 2): (B, N, 2, 2), entry [i][j] = dt_i / dz_j.

        In closed form, and part of the graph: gradients reach `xy` through the distances.
        """
        affine = self.theta.to(xy.dtype)[:, None, :, :2].expand(-1, xy.shape[1], -1, -1)  # (B, N, 2, 2)
        if self.control_params is None:
            return affine
        offsets = self._offsets(xy)  # (B, N, P*P, 2)
        distance = offsets.abs().sum(-1)  # (B, N, P*P)
        slope = 2 * distance * torch.log(distance + EPSILON) + distance**2 / (distance + EPSILON)
        weighted = slope * self.control_params.to(xy.dtype)  # (B, N, P*P)
        gradient = (weighted[..., None] * offsets.sign()).sum(-2)  # (B, N, 2)
        return affine + gradient[..., None, :]  # the same scalar moves x and y

    def frame(self, image: Tensor, align_corners: bool = True) -> Tensor:
        """Give D'(z) = D(t(z)) for images (B, C, H, W), reflected at the border; the model's convention."""
        height, width = image.shape[-2:]
        grid = coordinate_grid((height, width), image).flatten(0, 1)[None]  # (1, H*W, 2)
        grid = self.points(grid).unflatten(1, (height, width))  # (B, H, W, 2)
        return warp(image, grid, align_corners, padding_mode="reflection")

    def _offsets(self, xy: Tensor) -> Tensor:
        centres = coordinate_grid((self.points_tps, self.points_tps), xy).flatten(0, 1)  # (P*P, 2)
        return xy[..., None, :] - centres  # (B, N, P*P, 2)


def random_transform(config: TransformConfig, batch_size: int, generator: torch.Generator) -> Transform:
    """Draw one transform for each item.

    Args:
        config: standard deviations and control points.
        batch_size: B.
        generator: source of all randomness; the transform is made on its device.

    Source: Siarohin et al. 2019, supplementary code; sigma 0 gives the identity.
    """
    device = generator.device
    identity = torch.eye(2, 3, device=device)
    noise = torch.randn(batch_size, 2, 3, generator=generator, device=device)
    theta = identity + config.sigma_affine * noise
    if config.sigma_tps == 0:
        return Transform(theta, None, config.points_tps)
    count = config.points_tps**2
    params = config.sigma_tps * torch.randn(batch_size, 1, count, generator=generator, device=device)
    return Transform(theta, params, config.points_tps)
