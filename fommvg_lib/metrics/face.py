"""Blinks and speech of the synthetic heads, read off their points (`synthetic.tracks`).

For motion given as ground-truth landmarks, real or generated alike: how often eyes close and for how long,
how far a mouth is open, how much that varies, how often it opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fommvg_lib.synthetic.tracks import TRACK_NAMES

CLOSED = 0.5  # an eye counts as closed when it is open by less than this share of its usual opening
USUAL = 0.75  # quantile over a clip: blinks take a tenth of the time
_INDEX = {name: index for index, name in enumerate(TRACK_NAMES)}


@dataclass(frozen=True)
class BlinkCounts:
    """Blinks of clips: how many, and how many frames eyes are closed; each (...,) float64.

    A blink that is cut off by the clip's beginning or end counts with the frames that are seen.
    """

    blinks: Tensor
    closed_frames: Tensor


@dataclass(frozen=True)
class MouthLevels:
    """When a mouth opens: rising above `opens`; it can open again after falling below `closes`."""

    opens: float
    closes: float

    @classmethod
    def fit(cls, real: Tensor) -> MouthLevels:
        """Take a half and a quarter of the 95th percentile of the opening in real motion (N, T, P, 2)."""
        wide = torch.quantile(mouth_opening(real).flatten(), 0.95).item()
        return cls(0.5 * wide, 0.25 * wide)


def eye_opening(points: Tensor) -> Tensor:
    """How far both eyes are open, lid to lid, over their width: (..., P, 2) to (...), no unit."""
    gaps = _distance(points, "left_upper_lid", "left_lower_lid")
    gaps = gaps + _distance(points, "right_upper_lid", "right_lower_lid")
    widths = _distance(points, "left_eye_outer", "left_eye_inner")
    widths = widths + _distance(points, "right_eye_outer", "right_eye_inner")
    return gaps / widths.clamp_min(1e-6)


def count_blinks(points: Tensor) -> BlinkCounts:
    """Count the blinks of clips (..., T, P, 2): runs of frames with eyes less than half as open as usual."""
    opening = eye_opening(points)
    closed = opening < CLOSED * torch.quantile(opening, USUAL, dim=-1, keepdim=True)
    return BlinkCounts(_onsets(closed), closed.double().sum(dim=-1))


def mouth_opening(points: Tensor) -> Tensor:
    """How far the mouth is open, over the distance of the eyes: (..., P, 2) to (...), no unit."""
    apart = _distance(points, "left_eye", "right_eye").clamp_min(1e-6)
    return _distance(points, "mouth_top", "mouth_bottom") / apart


def count_openings(points: Tensor, levels: MouthLevels) -> Tensor:
    """Count how often mouths open in clips (..., T, P, 2): (...), float64.

    With two levels a tremor about one of them is not counted. A mouth open in the first frame counts.
    """
    opening = mouth_opening(points)
    is_open = torch.zeros_like(opening[..., 0], dtype=torch.bool)
    states = []
    for now in opening.unbind(dim=-1):
        is_open = (now > levels.opens) | (is_open & (now > levels.closes))
        states.append(is_open)
    return _onsets(torch.stack(states, dim=-1))


def _onsets(states: Tensor) -> Tensor:
    """Count runs of True along the last axis."""
    begins = states[..., 1:] & ~states[..., :-1]
    return begins.double().sum(dim=-1) + states[..., 0].double()


def _distance(points: Tensor, first: str, second: str) -> Tensor:
    if points.shape[-2] != len(TRACK_NAMES):
        raise ValueError(f"expected {len(TRACK_NAMES)} points of a synthetic head, got {points.shape[-2]}")
    return (points[..., _INDEX[first], :] - points[..., _INDEX[second], :]).double().norm(dim=-1)
