"""Principal directions of motion as moving arrows: each keypoint swings along its part of a direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from fommvg_lib.motion import Motion
from fommvg_lib.visualize.draw import _draw_segment, _kp_colors, _to_pixels
from fommvg_lib.visualize.layout import as_frames, enlarge, side_by_side

PALENESS = 0.55
"""Share of white mixed into the picture under the arrows."""
LINE_RADIUS, TIP_RADIUS = 1.0, 3.0
"""Of an arrow's line and of the disc at its tip, px of the drawn picture."""


def draw_pca_swing(
    picture: Any,
    mean: Motion,
    components: Any,
    num: int = 4,
    num_frames: int = 24,
    length: float = 0.35,
    factor: int = 1,
) -> np.ndarray:
    """Draw one swing along each of the first principal directions, side by side, as a clip that loops.

    A direction d of residual motion says how all keypoints move together from one frame to the next; shown
    are mean + length sin(2 pi t / T) d, with an arrow from each keypoint's mean place to where it is.

    Args:
        picture: one frame that lies under the arrows, paler, see `layout`.
        mean: K keypoints from which the arrows start, leading axes () or (1,).
        components: (N, D), rows in the order of `Motion.vectors`; the first 2K entries are drawn.
        num: directions drawn.
        num_frames: T, of one swing to and fro.
        length: of the longest arrow of a direction at its longest, in keypoint units.
        factor: enlarge the picture first.

    Returns:
        uint8 RGB (T, H, W, 3), the directions from left to right.

    Raises:
        ValueError: if there is no frame to draw, or no direction.
    """
    directions = np.asarray(components, dtype=float)[:num, : 2 * mean.num_kp]
    if num_frames < 1 or not len(directions):
        raise ValueError(f"{num_frames} frames of {len(directions)} directions cannot be drawn")
    under = enlarge(as_frames(picture), factor)[0].astype(np.float32)
    under = under + (255 - under) * PALENESS
    phases = np.sin(2 * np.pi * np.arange(num_frames) / num_frames)
    panels = []
    for direction in directions:
        arrows = direction.reshape(-1, 2)
        arrows = arrows * length / max(float(np.hypot(*arrows.T).max()), 1e-12)
        panels.append(np.stack([_draw_arrows(under, mean, phase * arrows, factor) for phase in phases]))
    return side_by_side(panels)


def _draw_arrows(under: np.ndarray, mean: Motion, arrows: np.ndarray, factor: int) -> np.ndarray:
    """Draw a line from each keypoint to its displaced place, which gets a disc."""
    start = mean.value.detach().float().cpu().reshape(-1, 2).numpy()
    drawn = under.copy()
    for place, arrow, color in zip(start, arrows, _kp_colors(mean.num_kp, "gist_rainbow"), strict=True):
        ends = _to_pixels(place, drawn, factor), _to_pixels(place + arrow, drawn, factor)
        _draw_segment(drawn, *ends, LINE_RADIUS, color, 1.0)
        _draw_segment(drawn, ends[1], ends[1], TIP_RADIUS, color, 1.0)
    return drawn.round().clip(0, 255).astype(np.uint8)
