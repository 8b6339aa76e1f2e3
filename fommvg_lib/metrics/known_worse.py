"""Which metric sees which defect: videos made worse step by step, and how each metric answers.

A ladder spoils real videos in one way, from not at all to badly. A metric that deserves its name gets worse
with every step; one that stays where it is, is blind to the defect, and so is a table that rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Spoil = Callable[[Tensor, float, torch.Generator], Tensor]
Metric = Callable[[Tensor, Tensor], float]
"""From real and spoilt videos (N, T, C, H, W) in [0, 1] to a number that is lower where they are alike."""

BLIND = 1e-6
"""Changes below this share of the largest value count as none."""


@dataclass(frozen=True)
class Ladder:
    """One way to spoil videos.

    Attributes:
        spoil: takes videos (N, T, C, H, W), a level and the randomness.
        levels: rising; the first changes nothing.
        unit: of the levels.
    """

    spoil: Spoil
    levels: tuple[float, ...]
    unit: str


@dataclass(frozen=True)
class Sight:
    """A metric's values along a ladder.

    Attributes:
        values: one for each level.
        verdict: "sees", every step is worse than the one before; "partly", the worst level is worse than
            none, but not every step; "blind", nothing changes; "misled", the worst level counts as no worse
            than none.
    """

    values: tuple[float, ...]
    verdict: str


def blur(videos: Tensor, sigma: float, randomness: torch.Generator) -> Tensor:
    """Blur every frame by a Gaussian of `sigma` pixels, edges repeated."""
    if sigma == 0:
        return videos
    reach = max(1, round(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=videos.dtype)
    window = torch.exp(-places.square() / (2 * sigma**2))
    window = (window / window.sum()).to(videos)
    planes = nn.functional.pad(videos.flatten(0, 2)[:, None], (reach,) * 4, mode="replicate")
    planes = nn.functional.conv2d(
        nn.functional.conv2d(planes, window[None, None, None]), window[None, None, :, None]
    )
    return planes.view_as(videos).clamp(0, 1)


def freeze(videos: Tensor, share: float, randomness: torch.Generator) -> Tensor:
    """Let the last `share` of the frames stand still."""
    total = videos.shape[1]
    last = max(0, round((1 - share) * total) - 1)
    return videos[:, torch.arange(total).clamp(max=last)]


def shuffle(videos: Tensor, share: float, randomness: torch.Generator) -> Tensor:
    """Exchange frames at random places, `share` of them, in every clip in its own way."""
    total = videos.shape[1]
    count = round(share * total)
    spoilt = videos.clone()
    for clip, source in zip(spoilt, videos, strict=True):
        places = torch.randperm(total, generator=randomness)[:count]
        clip[places] = source[places.roll(1)]  # none of them stays where it was
    return spoilt


def jitter(videos: Tensor, reach: float, randomness: torch.Generator) -> Tensor:
    """Shift every frame by `reach` whole pixels, left or right and up or down by chance, edges repeated."""
    far = int(reach)
    height, width = videos.shape[-2:]
    padded = nn.functional.pad(videos.flatten(0, 1), (far,) * 4, mode="replicate")
    shifts = (2 * far * torch.randint(0, 2, (len(padded), 2), generator=randomness)).tolist()
    moved = [frame[:, y : y + height, x : x + width] for frame, (y, x) in zip(padded, shifts, strict=True)]
    return torch.stack(moved).view_as(videos)


LADDERS: Mapping[str, Ladder] = {
    "blur": Ladder(blur, (0, 0.5, 1, 2, 4), "pixels"),
    "freeze": Ladder(freeze, (0, 0.25, 0.5, 0.75, 1), "share of the frames"),
    "shuffle": Ladder(shuffle, (0, 0.25, 0.5, 0.75), "share of the frames"),
    "jitter": Ladder(jitter, (0, 1, 2, 4), "pixels"),
}


def climb(
    metric: Metric, videos: Tensor, ladder: Ladder, seed: int = 0, others: Tensor | None = None
) -> Sight:
    """Measure ever worse videos against the real ones.

    Args:
        metric: lower where videos are alike.
        videos: (N, T, C, H, W) in [0, 1], real.
        ladder: how they are spoilt.
        seed: of the defects, the same at every level.
        others: real videos that are spoilt in place of the same ones, for distances of distributions.

    Raises:
        ValueError: if the metric gives NaN.
    """
    spoilt = videos if others is None else others
    values = tuple(
        float(metric(videos, ladder.spoil(spoilt, level, torch.Generator().manual_seed(seed))))
        for level in ladder.levels
    )
    return Sight(values, judge(values))


def judge(values: Sequence[float]) -> str:
    """Say what values along a ladder, lower being better, amount to; see `Sight`.

    Raises:
        ValueError: if there are fewer than two, or one is not finite.
    """
    found = torch.tensor(values, dtype=torch.float64)
    if len(found) < 2 or not bool(found.isfinite().all()):
        raise ValueError(f"expected at least two finite values, got {tuple(values)}")
    least = BLIND * max(found.abs().max().item(), BLIND)
    steps = found.diff()
    if bool((steps.abs() <= least).all()):
        return "blind"
    if bool((steps > least).all()):
        return "sees"
    return "partly" if found[-1] - found[0] > least else "misled"


def sight_table(
    metrics: Mapping[str, Metric], videos: Tensor, ladders: Mapping[str, Ladder] = LADDERS, seed: int = 0
) -> list[tuple[str, ...]]:
    """Tabulate which metric sees which defect.

    Args:
        metrics: by name, each lower where videos are alike.
        videos: (N, T, C, H, W) in [0, 1], real.
        ladders: by name.
        seed: of the defects.

    Returns:
        A head line ("metric", ladders...) and for each metric its verdicts.
    """
    rows = [("metric", *ladders)]
    for name, metric in metrics.items():
        rows.append((name, *(climb(metric, videos, ladder, seed).verdict for ladder in ladders.values())))
    return rows
