"""How well generated motion fits real motion, without rendering a frame.

Motion is (N, T, D) in any one unit. Distances of distributions pool frames over sequences and time; all
arithmetic is float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MotionFrechet:
    """Fréchet distances between real and generated motion, in squared units of the motion.

    Attributes:
        displacement: of x_t - x_0, t >= 1.
        velocity: of x_{t+1} - x_t.
        acceleration: of second differences.
    """

    displacement: float
    velocity: float
    acceleration: float


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Fréchet distance of the Gaussians with the moments of two sets of samples.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With centred data A, B the last trace is the nuclear
    norm of A B^T / sqrt((n - 1)(m - 1)): no matrix root, no imaginary parts, exact for singular
    covariances too. A and B are first reduced to their D x D triangular factors, which leaves the
    singular values as they are.

    Args:
        first: (n, D), n >= 2.
        second: (m, D), m >= 2.

    Returns:
        The distance, at least 0.

    Raises:
        ValueError: if the shapes do not fit.

    Source: Dowson & Landau 1982; Heusel et al. 2017, Eq. 6.
    """
    if (
        first.ndim != 2
        or second.ndim != 2
        or first.shape[1] != second.shape[1]
        or min(len(first), len(second)) < 2
    ):
        raise ValueError(
            f"expected (n, D) and (m, D) with n, m >= 2, got {tuple(first.shape)}, {tuple(second.shape)}"
        )
    first, second = first.detach().cpu().double(), second.detach().cpu().double()
    gap = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    roots = [(x - x.mean(dim=0)) / (len(x) - 1) ** 0.5 for x in (first, second)]
    traces = sum(root.square().sum() for root in roots)
    triangular = [torch.linalg.qr(root, mode="r").R for root in roots]
    shared = torch.linalg.svdvals(triangular[0] @ triangular[1].T).sum()
    return max(0.0, (gap + traces - 2 * shared).item())


def motion_frechet(real: Tensor, generated: Tensor) -> MotionFrechet:
    """Compare real (N, T, D) and generated (M, T', D) motion; T, T' >= 3."""
    return MotionFrechet(
        *(
            frechet_distance(change(real).flatten(0, 1), change(generated).flatten(0, 1))
            for change in (_displacement, _velocity, _acceleration)
        )
    )


def best_of_n_l1(real: Tensor, samples: Tensor, unknown: Tensor | None = None) -> float:
    """Mean over sequences of the smallest mean absolute error among the samples.

    Args:
        real: (B, T, D).
        samples: (S, B, T, D).
        unknown: (B, T) bool, frames that count; None counts all.

    Raises:
        ValueError: if a sequence has no frame that counts.
    """
    error = (samples.double() - real.double()).abs().mean(dim=-1)  # (S, B, T)
    weight = torch.ones_like(error[0]) if unknown is None else unknown.to(error)
    if not bool((weight.sum(dim=1) > 0).all()):
        raise ValueError("a sequence has no unknown frame to score")
    per_sequence = (error * weight).sum(dim=-1) / weight.sum(dim=-1)
    return per_sequence.min(dim=0).values.mean().item()


def frozen_share(real: Tensor, generated: Tensor, floor: float = 0.2, window: int = 15) -> float:
    """Share of generated stretches that stand still: speed below `floor` of the median speed of real ones.

    Args:
        real: (N, T, D).
        generated: (M, T', D).
        floor: fraction of the real median.
        window: frames in a stretch; stretches do not overlap, and T - 1 steps are used if they are fewer.
    """
    return (
        (_stretch_speed(generated, window) < floor * _stretch_speed(real, window).median())
        .double()
        .mean()
        .item()
    )


def drift(real: Tensor, generated: Tensor) -> float:
    """Root mean square displacement from frame 0 in the last quarter of the time, generated over real.

    Near 1: neither drifts out nor collapses.
    """
    return (_late_displacement(generated) / _late_displacement(real)).item()


def _displacement(motion: Tensor) -> Tensor:
    return (motion - motion[:, :1])[:, 1:]


def _velocity(motion: Tensor) -> Tensor:
    return motion.diff(dim=1)


def _acceleration(motion: Tensor) -> Tensor:
    return motion.diff(n=2, dim=1)


def _stretch_speed(motion: Tensor, window: int) -> Tensor:
    speed = _velocity(motion.double()).square().sum(dim=-1)  # (N, T - 1)
    window = min(window, speed.shape[1])
    stretches = speed[:, : speed.shape[1] // window * window].unflatten(1, (-1, window))
    return stretches.mean(dim=-1).sqrt().flatten()


def _late_displacement(motion: Tensor) -> Tensor:
    moved = _displacement(motion.double())
    return moved[:, -max(1, moved.shape[1] // 4) :].square().sum(dim=-1).mean().sqrt()
