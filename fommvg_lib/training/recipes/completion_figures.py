"""Figures of completed held-out motion, for places of keypoints (`value`) and for all D numbers (`all`)."""

from __future__ import annotations

from torch import Tensor

from fommvg_lib.metrics.frechet import pooled_frechet
from fommvg_lib.metrics.motion import best_of_n_l1, drift, frozen_share
from fommvg_lib.motion_generator.linear import LinearMotion

KINDS = ("displacement", "velocity", "acceleration")


def prediction_figures(real: Tensor, generated: Tensor, num_kp: int) -> dict[str, float]:
    """Score motion that was generated from the first frame.

    Fréchet distances are over the real motion's own mean square, so 1 is what standing still scores;
    `floor_...` is the distance between two halves of the real windows.

    Args:
        real: (N, T, D).
        generated: (N, T, D).
        num_kp: K.
    """
    figures = {}
    for name, part in _parts(num_kp):
        own, ours = real[..., part], generated[..., part]
        still = pooled_frechet(own, own[:, :1].expand_as(own))
        halves = (own[::2], own[1::2]) if len(own) > 1 else (own, own)
        distance, floor = pooled_frechet(own, ours), pooled_frechet(*halves)
        for kind in KINDS:
            scale = getattr(still, kind)
            figures[f"{kind}_{name}"] = getattr(distance, kind) / scale
            figures[f"floor_{kind}_{name}"] = getattr(floor, kind) / scale
    places = slice(0, 2 * num_kp)
    figures["frozen_share"] = frozen_share(real[..., places], generated[..., places])
    figures["drift"] = drift(real[..., places], generated[..., places])
    return figures


def interpolation_figures(
    real: Tensor, samples: Tensor, known: Tensor, num_kp: int, label: str
) -> dict[str, float]:
    """Score completions beside the straight line between known frames.

    `best_L` is the L1 of the best sample over the line's; `frechet_displacement_L` and `frechet_velocity_L`
    are the first sample's Fréchet distances over the line's.

    Args:
        real: (N, T, D).
        samples: (S, N, T, D).
        known: (T,) bool.
        num_kp: K.
        label: L, put into the names.
    """
    pattern = known.expand(len(real), -1)
    straight = LinearMotion(real.shape[-1], num_kp).complete(real, pattern)  # (1, N, T, D)
    figures = {}
    for name, part in _parts(num_kp):
        own, ours, line = (x[..., part] for x in (real, samples, straight))
        best, base = (best_of_n_l1(own, x, ~pattern) for x in (ours, line))
        figures[f"best_{label}_{name}"] = best / base
        distance, far = pooled_frechet(own, ours[0]), pooled_frechet(own, line[0])
        for kind in KINDS[:2]:
            figures[f"frechet_{kind}_{label}_{name}"] = getattr(distance, kind) / getattr(far, kind)
    return figures


def _parts(num_kp: int) -> tuple[tuple[str, slice], ...]:
    return ("value", slice(0, 2 * num_kp)), ("all", slice(None))
