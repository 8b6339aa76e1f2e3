"""How well generated motion fits real motion, without rendering a frame: error, diversity, life, smoothness.

Motion is (N, T, D) in any one unit; where keypoints are meant, places (N, T, K, 2) in [-1, 1]. Functions that
end in `_by_clip` give one number a clip, to be averaged under weights (`measured.py`). All arithmetic is
float64. Fréchet distances are in `frechet.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.metrics.frechet import motion_changes


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


def displacement_error_by_clip(real: Tensor, samples: Tensor, unknown: Tensor) -> Tensor:
    """Average displacement error of each sample: mean Euclidean distance of its keypoints from the real ones.

    The mean over S is the mean displacement error, the minimum over S the best-of-S displacement error.

    Args:
        real: (N, T, K, 2).
        samples: (S, N, T, K, 2).
        unknown: (T,) bool, the frames that are averaged.

    Returns:
        (S, N), in the unit of the keypoints.

    Raises:
        ValueError: if no frame is unknown.

    Source: ADE and minADE_S of trajectory forecasting (Alahi et al. 2016; Gupta et al. 2018), K points here.
    """
    if not bool(unknown.any()):
        raise ValueError("there is no unknown frame to score")
    return (samples.double() - real.double())[:, :, unknown].norm(dim=-1).mean(dim=(-2, -1))


def sample_distance_by_clip(samples: Tensor, unknown: Tensor) -> Tensor:
    """Mean distance between the displacements of two samples of one condition, over all pairs.

    Samples of one condition share the known frame from which displacements count, so it drops out.

    Args:
        samples: (S, N, T, K, 2), S >= 2.
        unknown: (T,) bool, the frames that are averaged.

    Returns:
        (N,), mean Euclidean distance of keypoints.

    Raises:
        ValueError: if there is one sample only.
    """
    count = len(samples)
    if count < 2:
        raise ValueError("diversity needs at least 2 samples of each condition")
    moved = samples.double()[:, :, unknown]
    pairs = [(i, j) for i in range(count) for j in range(i)]
    return sum((moved[i] - moved[j]).norm(dim=-1).mean(dim=(-2, -1)) for i, j in pairs) / len(pairs)


def clip_distances(real: Tensor, unknown: Tensor, origin: int = 0) -> Tensor:
    """Distance between the displacements of two clips, for all pairs: what real clips differ by.

    Args:
        real: (N, T, K, 2).
        unknown: (T,) bool, the frames that are averaged.
        origin: the known frame from which displacements count.

    Returns:
        (N, N), mean Euclidean distance of keypoints.
    """
    moved = (real.double() - real.double()[:, origin : origin + 1])[:, unknown]
    return torch.stack([(moved - clip).norm(dim=-1).mean(dim=(-2, -1)) for clip in moved])


def mean_pair(distances: Tensor, weights: Tensor) -> float:
    """Mean of distances (N, N) over pairs of different clips that count (N,) times; NaN if there is none."""
    pairs = (weights[:, None] * weights[None, :]).fill_diagonal_(0)
    return (distances * pairs).sum().item() / pairs.sum().item() if pairs.sum() > 0 else float("nan")


def path_length(motion: Tensor) -> Tensor:
    """Length of the way a clip's keypoints go, mean over keypoints: (..., T, K, 2) to (...)."""
    return motion.double().diff(dim=-3).norm(dim=-1).sum(dim=-2).mean(dim=-1)


def frozen_length(real: Tensor, share: float = 0.01) -> float:
    """Path length below which a clip counts as frozen: the real clips' first percentile.

    Args:
        real: (N, T, K, 2), clips of the length that is to be judged.
        share: of the real clips that would count as frozen.
    """
    return torch.quantile(path_length(real), share).item()


def jerk_by_clip(motion: Tensor) -> Tensor:
    """Mean norm of third differences over frames and keypoints: (..., T, K, 2), T >= 4, to (...)."""
    return motion.double().diff(n=3, dim=-3).norm(dim=-1).mean(dim=(-2, -1))


def jump_by_clip(motion: Tensor, step: int) -> Tensor:
    """Mean distance that keypoints go in one step, from frame `step` to the next: (..., T, K, 2) to (...).

    Step -1 is the last one, |x_{T-1} - x_{T-2}|: where the end is known, a jump into it is seen here.
    """
    return motion.double().diff(dim=-3).norm(dim=-1).mean(dim=-1)[..., step]


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


def _stretch_speed(motion: Tensor, window: int) -> Tensor:
    speed = motion.double().diff(dim=1).square().sum(dim=-1)  # (N, T - 1)
    window = min(window, speed.shape[1])
    stretches = speed[:, : speed.shape[1] // window * window].unflatten(1, (-1, window))
    return stretches.mean(dim=-1).sqrt().flatten()


def _late_displacement(motion: Tensor) -> Tensor:
    moved = motion_changes(motion.double())["displacement"]
    return moved[:, -max(1, moved.shape[1] // 4) :].square().sum(dim=-1).mean().sqrt()
