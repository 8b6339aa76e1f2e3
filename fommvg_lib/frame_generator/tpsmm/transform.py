"""Random affine and thin-plate transform of the equivariance loss (Siarohin et al. 2019, Sec. 3.3).

As the FOMM's, but with the true thin-plate kernel of the squared Euclidean distance, and sampled with
`align_corners=True`. One scalar weight for each point of a regular control grid moves x and y alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.config.fomm import TransformConfig
from fommvg_lib.frame_generator.grid import coordinate_grid
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import ThinPlateSpline


def spline_of_regular_grid(theta: Tensor, params: Tensor, points_tps: int) -> ThinPlateSpline:
    """Give splines whose control points are a regular grid on [-1, 1]^2.

    Args:
        theta: affine part (B, 2, 3).
        params: weights (B, 1, P * P), the same for x and y.
        points_tps: P, control points along each side.
    """
    points = coordinate_grid((points_tps, points_tps), theta).flatten(0, 1)  # (P*P, 2)
    weights = params.mT.expand(-1, -1, 2)  # (B, P*P, 2)
    return ThinPlateSpline(points.expand(len(theta), -1, -1), weights, theta)


def random_transform(config: TransformConfig, batch_size: int, generator: torch.Generator) -> ThinPlateSpline:
    """Draw one transform for each item of a batch.

    Args:
        config: standard deviations and control points; deviations of 0 give the identity.
        batch_size: B.
        generator: source of all randomness; the transform is made on its device.
    """
    device, count = generator.device, config.points_tps**2
    noise = torch.randn(batch_size, 2, 3, generator=generator, device=device)
    theta = torch.eye(2, 3, device=device) + config.sigma_affine * noise
    params = config.sigma_tps * torch.randn(batch_size, 1, count, generator=generator, device=device)
    return spline_of_regular_grid(theta, params, config.points_tps)
