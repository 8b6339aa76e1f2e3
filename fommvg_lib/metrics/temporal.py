"""How frames of a video follow each other: how much they change, and how much they flicker.

Videos are (..., T, C, H, W) in [0, 1]; each function gives one number a clip, (...) float64. Neither is good
or bad by itself: real video changes and flickers too, so a generated one is held against real ones.
"""

from __future__ import annotations

from torch import Tensor


def frame_change(videos: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring frames; 0 for a still, which is how freezing is seen.

    Raises:
        ValueError: if there are fewer than two frames.
    """
    return _mean_difference(videos, 1)


def temporal_flicker(videos: Tensor) -> Tensor:
    """Mean absolute second difference over time: 0 for a still and for even change.

    What goes back at once counts most: pictures that are off by +d and -d in turn count 4 d. Motion counts by
    its acceleration.

    Raises:
        ValueError: if there are fewer than three frames.
    """
    return _mean_difference(videos, 2)


def flicker_ratio(real: Tensor, generated: Tensor) -> float:
    """Flicker of generated videos over that of real ones, means over clips: 1 where they are alike.

    Raises:
        ValueError: if there are fewer than three frames, or the real ones do not flicker at all.
    """
    return _ratio(temporal_flicker(real), temporal_flicker(generated), "flicker")


def change_ratio(real: Tensor, generated: Tensor) -> float:
    """Change from frame to frame over that of real ones, means over clips: 0 where all is frozen.

    Raises:
        ValueError: if there are fewer than two frames, or the real ones do not change at all.
    """
    return _ratio(frame_change(real), frame_change(generated), "change")


def _mean_difference(videos: Tensor, order: int) -> Tensor:
    if videos.ndim < 4 or videos.shape[-4] <= order:
        raise ValueError(f"expected videos (..., T > {order}, C, H, W), got {tuple(videos.shape)}")
    return videos.diff(n=order, dim=-4).abs().double().mean(dim=(-4, -3, -2, -1))


def _ratio(real: Tensor, generated: Tensor, what: str) -> float:
    below = real.mean().item()
    if not below > 0:
        raise ValueError(f"the real videos do not {what}, nothing can be held against them")
    return generated.mean().item() / below
