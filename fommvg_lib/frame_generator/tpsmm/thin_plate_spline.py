"""Thin-plate splines: smooth maps of the plane that carry given points to given points (Bookstein 1989).

    T(z) = A z + t + sum_i w_i U(|z - a_i|^2),   U(s) = s log(s + 1e-9)

with control points a_i. All of it is at least float32, also under autocast.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fommvg_lib.frame_generator.grid import coordinate_grid, warp
from fommvg_lib.share import Share

EPSILON = 1e-9
RIDGE = 0.01
"""Added to the diagonal of the whole system, affine block included: part of the published model."""


@dataclass(frozen=True)
class ThinPlateSpline:
    """Splines over any leading axes.

    Attributes:
        control_points: a_i, (..., N, 2).
        weights: w_i, (..., N, 2).
        theta: [A | t], (..., 2, 3).
    """

    control_points: Tensor
    weights: Tensor
    theta: Tensor

    def to(self, device: torch.device | str) -> ThinPlateSpline:
        """Move to a device."""
        return ThinPlateSpline(self.control_points.to(device), self.weights.to(device), self.theta.to(device))

    def part(self, share: Share) -> ThinPlateSpline:
        """Give the splines of a share of the batch, the first axis."""
        return ThinPlateSpline(share.of(self.control_points), share.of(self.weights), share.of(self.theta))

    def points(self, xy: Tensor) -> Tensor:
        """Give T at points (..., M, 2): the same shape."""
        with torch.autocast(xy.device.type, enabled=False):
            offsets = xy[..., :, None, :] - self.control_points[..., None, :, :]  # (..., M, N, 2)
            moved = xy @ self.theta[..., :2].mT + self.theta[..., None, :, 2]
            return moved + radial_basis(offsets.square().sum(-1)) @ self.weights

    def grid(self, size: tuple[int, int]) -> Tensor:
        """Give T at each pixel's centre, (..., H, W, 2), xy, for a size (H, W) in pixels."""
        with torch.autocast(self.theta.device.type, enabled=False):
            x, y = coordinate_grid(size, self.theta).unbind(-1)  # (H, W) each
            points = self.control_points[..., None, None, :]  # (..., N, 1, 1, 2)
            # The squared distance separates: two short differences, one sum per pixel.
            squared = (x[0] - points[..., 0]) ** 2 + (y[:, :1] - points[..., 1]) ** 2  # (..., N, H, W)
            bent = self.weights.mT @ radial_basis(squared).flatten(-2)  # (..., 2, H*W)
            theta = self.theta[..., None]  # (..., 2, 3, 1)
            moved = theta[..., 0, :] * x.flatten() + theta[..., 1, :] * y.flatten() + theta[..., 2, :]
            return (moved + bent).mT.unflatten(-2, size)

    def frame(self, image: Tensor) -> Tensor:
        """Give D'(z) = D(T(z)) for images (B, C, H, W), reflected at the border; one spline for each item."""
        return warp(image, self.grid(tuple(image.shape[-2:])), align_corners=True, padding_mode="reflection")


def radial_basis(squared_distance: Tensor) -> Tensor:
    """Give U(s) = s log(s + 1e-9) of squared distances s."""
    return squared_distance * torch.log(squared_distance + EPSILON)


def fit_splines(origin: Tensor, target: Tensor, ridge: float = RIDGE) -> ThinPlateSpline:
    """Fit the splines that carry `origin` to `target`.

    Solves (L + ridge I) [w; A^T; t] = [target; 0] with L = [[U(|a_i - a_j|^2), P], [P^T, 0]] and
    P = [a_x a_y 1].

    Args:
        origin: control points (..., N, 2), N at least 3.
        target: where they go, (..., N, 2); leading axes may be of length 1.
        ridge: 0: the splines interpolate; 0.01: the published model, which does so nearly, and stays
            solvable where points nearly coincide.

    Source: Zhao and Zhang 2022, Eq. 2; the ridge is the public release's.
    """
    with torch.autocast(origin.device.type, enabled=False):
        dtype = torch.float64 if origin.dtype == torch.float64 else torch.float32
        origin = origin.to(dtype)
        *leading, count, _ = origin.shape
        squared = (origin[..., :, None, :] - origin[..., None, :, :]).square().sum(-1)  # (..., N, N)
        affine = torch.cat([origin, torch.ones_like(origin[..., :1])], dim=-1)  # (..., N, 3)
        upper = torch.cat([radial_basis(squared), affine], dim=-1)  # (..., N, N + 3)
        lower = torch.cat([affine.mT, origin.new_zeros(*leading, 3, 3)], dim=-1)  # (..., 3, N + 3)
        system = torch.cat([upper, lower], dim=-2)
        system = system + ridge * torch.eye(count + 3, dtype=dtype, device=origin.device)
        right = target.to(dtype).expand(*leading, count, 2)
        right = torch.cat([right, right.new_zeros(*leading, 3, 2)], dim=-2)
        solution = _solve(system, right)  # (..., N + 3, 2)
    return ThinPlateSpline(origin, solution[..., :count, :], solution[..., count:, :].mT)


def _solve(system: Tensor, right: Tensor) -> Tensor:
    """Solve small systems in float64, where the device has it: they are ill conditioned if points are close.

    The checked solve would make the processor wait for a GPU at each call.
    """
    dtype = system.dtype if system.device.type == "mps" else torch.float64
    solution, _ = torch.linalg.solve_ex(system.to(dtype), right.to(dtype))
    return solution.to(system.dtype)
