"""Fréchet distances of motion, and of motion under weights.

`motion_frechet` takes a clip as one point: the whole course of its displacements, velocities or
accelerations. It sees order in time and how keypoints move together, and wants many clips: with fewer than
some hundred, a part of every distance is chance, so that distances are comparable at equal counts only, and
next to that of two sets of real clips. `pooled_frechet` takes a frame as one point: it is steady with a
handful of clips, and blind to order in time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

MIN_SCALE = 1e-4


@dataclass(frozen=True)
class MotionFrechet:
    """Fréchet distances between real and generated motion.

    Attributes:
        displacement: of x_t - x_0, t >= 1.
        velocity: of x_{t+1} - x_t.
        acceleration: of second differences.
    """

    displacement: float
    velocity: float
    acceleration: float


@dataclass(frozen=True)
class MotionScale:
    """Standard deviations (D,) of displacement, velocity and acceleration of a training set.

    One number for each of the D numbers of a frame, over clips and frames, so that a keypoint that hardly
    moves counts as much as one that moves far, and late frames count by how far they are out.
    """

    displacement: Tensor
    velocity: Tensor
    acceleration: Tensor

    @classmethod
    def fit(cls, windows: Tensor) -> MotionScale:
        """Measure training windows (N, T, D), T >= 4; each number counts as at least 1e-4 of the unit."""
        if windows.ndim != 3 or windows.shape[1] < 4:
            raise ValueError(f"expected windows (N, T, D) with T >= 4, got {tuple(windows.shape)}")
        changes = motion_changes(windows.detach().cpu().double())
        return cls(**{name: x.std(dim=(0, 1)).clamp_min(MIN_SCALE) for name, x in changes.items()})


def motion_changes(motion: Tensor) -> dict[str, Tensor]:
    """Give displacement (N, T - 1, D), velocity (N, T - 1, D), acceleration (N, T - 2, D) of (N, T, D)."""
    velocity = motion.diff(dim=1)
    return {
        "displacement": (motion - motion[:, :1])[:, 1:],
        "velocity": velocity,
        "acceleration": velocity.diff(dim=1),
    }


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Fréchet distance of the Gaussians with the moments of two sets of samples.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With centred data A, B the last trace is the nuclear
    norm of A B^T / sqrt((n - 1)(m - 1)): no matrix root, no imaginary parts, exact for singular
    covariances too, so also for fewer samples than dimensions. Sets of more samples than dimensions are first
    reduced to their D x D triangular factors, which leaves the singular values as they are.

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
    roots = [torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x for x in roots]
    shared = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    return max(0.0, (gap + traces - 2 * shared).item())


def motion_frechet(real: Tensor, generated: Tensor, scale: MotionScale) -> MotionFrechet:
    """Compare whole clips: each is one point of (T - 1) D numbers, in units of the training set's deviation.

    Args:
        real: (N, T, D), N >= 2, T >= 3.
        generated: (M, T, D), M >= 2.
        scale: of the training set.

    Raises:
        ValueError: if the shapes do not fit.
    """
    pairs = zip(clip_points(real, scale).values(), clip_points(generated, scale).values(), strict=True)
    return MotionFrechet(*(frechet_distance(*pair) for pair in pairs))


def clip_points(motion: Tensor, scale: MotionScale) -> dict[str, Tensor]:
    """Give what `motion_frechet` compares of (N, T, D): scaled and flattened for each clip, float64."""
    changes = motion_changes(motion.detach().cpu().double())
    return {
        field.name: (changes[field.name] / getattr(scale, field.name)).flatten(1) for field in fields(scale)
    }


def pooled_frechet(real: Tensor, generated: Tensor) -> MotionFrechet:
    """Compare single frames of real (N, T, D) and generated (M, T', D) motion, pooled over clips and time.

    In squared units of the motion; T, T' >= 3. Whether speeds and places are distributed alike, in whatever
    order they come.
    """
    pairs = zip(motion_changes(real).values(), motion_changes(generated).values(), strict=True)
    return MotionFrechet(*(frechet_distance(*(x.flatten(0, 1) for x in pair)) for pair in pairs))


class WeightedFrechet:
    """`frechet_distance` of two sets whose samples count several times or not at all, for the bootstrap.

    All that a draw needs are scalar products of samples, so these are made once.

    Args:
        first: (n, D).
        second: (m, D).
    """

    def __init__(self, first: Tensor, second: Tensor) -> None:
        first, second = first.detach().cpu().double(), second.detach().cpu().double()
        origin = first.mean(dim=0)  # a common shift changes no distance and keeps the products small
        first, second = first - origin, second - origin
        self._cross = first @ second.T
        self._own = first @ first.T, second @ second.T

    def distance(self, first_weights: Tensor, second_weights: Tensor) -> float:
        """Give the distance when samples count (n,) and (m,) times, float64; NaN if fewer than 2 are left."""
        weights = first_weights, second_weights
        totals = [w.sum() for w in weights]
        if min(totals) < 2:
            return float("nan")
        shares = [w / total for w, total in zip(weights, totals, strict=True)]
        means = [share @ own @ share for share, own in zip(shares, self._own, strict=True)]
        gap = means[0] + means[1] - 2 * (shares[0] @ self._cross @ shares[1])
        traces = sum(
            total / (total - 1) * (share @ own.diagonal() - mean)
            for share, own, mean, total in zip(shares, self._own, means, totals, strict=True)
        )
        return max(0.0, (gap + traces - 2 * self._nuclear_norm(shares, totals)).item())

    def _nuclear_norm(self, shares: list[Tensor], totals: list[Tensor]) -> Tensor:
        rows, columns = shares[0] @ self._cross, self._cross @ shares[1]
        centred = self._cross - rows[None, :] - columns[:, None] + rows @ shares[1]
        kept = [share > 0 for share in shares]  # what does not count adds nothing
        centred = centred[kept[0]][:, kept[1]]
        roots = [
            (total / (total - 1) * share[keep]).sqrt()
            for share, keep, total in zip(shares, kept, totals, strict=True)
        ]
        return torch.linalg.svdvals(roots[0][:, None] * centred * roots[1][None, :]).sum()
