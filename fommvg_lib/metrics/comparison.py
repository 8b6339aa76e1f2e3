"""Motion generators compared on the same held-out motion: rows of figures for a table.

Scored are keypoint places, in units of [-1, 1], because those can be seen; Jacobians are left out. What a
method is not to know is set to NaN before it sees it, and only that is scored. With some hundred clips,
`battery.py` measures more, and how sure it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fommvg_lib.metrics.frechet import pooled_frechet
from fommvg_lib.metrics.motion import best_of_n_l1, drift, frozen_share
from fommvg_lib.motion_generator.interface import MotionGenerator

FLOOR = "real, other half"


def compare_completions(
    generators: Mapping[str, MotionGenerator],
    real: Tensor,
    known: Tensor,
    num_kp: int,
    num_samples: int = 5,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Complete the same motions with several methods and score each.

    Args:
        generators: motion generators by name.
        real: (N, T, D), raw, N >= 4.
        known: (T,) bool, frames that are given.
        num_kp: K.
        num_samples: S, completions of each motion.
        seed: of all randomness.

    Returns:
        For each method that supports the pattern: `best_l1`, mean over motions of the smallest mean absolute
        error among the S samples; `spread`, mean absolute difference between two samples; Fréchet distances
        `frechet_displacement` and `frechet_velocity` of the first sample, of frames pooled over clips and
        time, which a handful of clips can tell (`metrics.frechet`); `frozen_share` and `drift`, see
        `metrics.motion`. A last row holds what one half of the real motions scores against the other.

    Raises:
        ValueError: if there are fewer than four motions.
    """
    if len(real) < 4:
        raise ValueError(f"a comparison needs at least 4 motions, got {len(real)}")
    pattern = known.expand(len(real), -1)
    given = real.masked_fill(~pattern[..., None], float("nan"))
    places = real[..., : 2 * num_kp]
    rows = {}
    for name, generator in generators.items():
        if not generator.supports(pattern):
            continue
        randomness = torch.Generator().manual_seed(seed)
        samples = generator.complete(given, pattern, num_samples, randomness)[..., : 2 * num_kp]
        rows[name] = {
            "best_l1": best_of_n_l1(places, samples, ~pattern),
            "spread": _spread(samples, ~known),
            **_likeness(places, samples[0]),
        }
    rows[FLOOR] = _likeness(places[::2], places[1::2])
    return rows


def _likeness(real: Tensor, generated: Tensor) -> dict[str, float]:
    distance = pooled_frechet(real, generated)
    return {
        "frechet_displacement": distance.displacement,
        "frechet_velocity": distance.velocity,
        "frozen_share": frozen_share(real, generated),
        "drift": drift(real, generated),
    }


def _spread(samples: Tensor, unknown: Tensor) -> float:
    """Mean absolute difference between neighbouring samples (S, N, T, D) in the unknown frames."""
    if len(samples) < 2:
        return 0.0
    return (samples[1:] - samples[:-1])[:, :, unknown].abs().mean().item()
