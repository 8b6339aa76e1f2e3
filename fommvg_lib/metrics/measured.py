"""A figure and how sure it is: bootstrap intervals over identities.

Clips of one person are alike, so not clips are drawn but identities, each with all its clips. A statistic is
a function of how often each clip counts, one weight tensor for each set of clips it looks at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

NUM_DRAWS = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """A figure with its interval.

    Attributes:
        value: of all clips, each counted once.
        low: lower end of the 95 % interval.
        high: upper end.
        n: how many clips were measured.
        num_identities: how many people they show; with one there is no interval, low and high are the value.
        seed: of the draws.
    """

    value: float
    low: float
    high: float
    n: int
    num_identities: int
    seed: int

    def to_dict(self) -> dict[str, float | int]:
        """Give plain values, fit for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def bootstrap(
    statistic: Callable[..., float],
    identities: Sequence[Sequence[str]],
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    recentre: bool = False,
) -> Measured:
    """Measure a statistic and its percentile interval.

    Args:
        statistic: takes a float64 weight tensor (N_i,) for each set of clips, gives one number; NaN where a
            draw has none (say, the duration of blinks of a draw without blinks): such draws are left out.
        identities: for each set, who each of its clips shows, N_i names. Sets are drawn independently: they
            are to show different people.
        seed: of the draws.
        num_draws: how many.
        recentre: shift the interval so that the median of the draws lies at the value. Needed where repeated
            clips alone raise a statistic, as they do distances of distributions in many dimensions.

    Raises:
        ValueError: if a set is empty, or the statistic of all clips, or of every draw, is not finite.
    """
    if not identities or not all(len(names) for names in identities):
        raise ValueError("a set of clips to be measured is empty")
    value = float(statistic(*(torch.ones(len(names), dtype=torch.float64) for names in identities)))
    if not math.isfinite(value):
        raise ValueError(f"the statistic of all clips is {value}")
    rng = np.random.default_rng(np.random.SeedSequence([seed, num_draws]))
    weights = [draw_identities(names, num_draws, rng) for names in identities]
    drawn = np.array([float(statistic(*rows)) for rows in zip(*weights, strict=True)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        raise ValueError("no draw of the bootstrap has a finite statistic")
    low, middle, high = np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    shift = value - middle if recentre else 0.0
    people = len(set(identities[0]))
    return Measured(value, float(low + shift), float(high + shift), len(identities[0]), people, seed)


def draw_identities(names: Sequence[str], num_draws: int, rng: np.random.Generator) -> Tensor:
    """Draw as many identities as there are, with replacement: how often each clip counts, (draws, N)."""
    people, index = np.unique(np.asarray(names), return_inverse=True)
    counts = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=num_draws)
    return torch.from_numpy(counts[:, index]).double()


def weighted_mean(values: Tensor, weights: Tensor) -> float:
    """Give the mean of (N,) under weights (N,); NaN if all weights are 0."""
    return (values.double() * weights).sum().item() / weights.sum().item() if weights.sum() > 0 else math.nan


def split_identities(names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Part clips into two sets that share no person: every other person, in the order of first appearance.

    Returns:
        Indices of the clips of either set; the second is empty if there is one person.
    """
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    parts: tuple[list[int], list[int]] = ([], [])
    for index, name in enumerate(names):
        parts[place[name] % 2].append(index)
    return parts
