"""Motion, flow and masks drawn as uint8 pictures. Frames are laid out as `layout` describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from torch import Tensor

from fommvg_lib.crop import CropBox
from fommvg_lib.motion import Motion
from fommvg_lib.visualize.layout import as_frames, enlarge

JACOBIAN_REACH = 0.12
"""Length of a drawn Jacobian axis, in keypoint units, where the local map is the identity."""


def draw_keypoints(
    frames: Any,
    motion: Motion,
    kp_size: float = 2.0,
    colormap: str = "gist_rainbow",
    factor: int = 1,
    has_axes: bool = True,
) -> np.ndarray:
    """Draw each keypoint as a disc and its Jacobian, if any, as two short axes.

    Args:
        frames: one frame or T, see `layout`.
        motion: K keypoints of each frame, leading axes () or (1,) for one frame, (T,) for T.
        kp_size: radius of a disc, px of the drawn picture.
        colormap: matplotlib's name; keypoint k takes the colour at k / K.
        factor: enlarge the frames first, so that small ones stay readable.
        has_axes: draw Jacobians: first column solid, second paler, `JACOBIAN_REACH` long for the identity.

    Returns:
        uint8 RGB, (T, H, W, 3); (H, W, 3) for a single frame without time axis.

    Raises:
        ValueError: if the frames and the motion differ in number.
    """
    is_single = np.ndim(frames) < 4
    pictures = enlarge(as_frames(frames), factor).astype(np.float32)
    value = motion.value.detach().float().cpu().reshape(-1, motion.num_kp, 2).numpy()
    if len(value) != len(pictures):
        raise ValueError(f"{len(pictures)} frames but motion of {len(value)}")
    jacobian = None
    if motion.jacobian is not None and has_axes:
        jacobian = motion.jacobian.detach().float().cpu().reshape(-1, motion.num_kp, 2, 2).numpy()
    colors = _kp_colors(motion.num_kp, colormap)
    for t, picture in enumerate(pictures):
        if jacobian is not None:
            for k in range(motion.num_kp):
                for column, pale in ((0, 1.0), (1, 0.55)):
                    tip = value[t, k] + JACOBIAN_REACH * jacobian[t, k, :, column]
                    ends = _to_pixels(value[t, k], picture, factor), _to_pixels(tip, picture, factor)
                    _draw_segment(picture, *ends, kp_size / 3, colors[k], pale)
        for k in range(motion.num_kp):
            center = _to_pixels(value[t, k], picture, factor)
            _draw_segment(picture, center, center, kp_size, colors[k], 1.0)
    drawn = pictures.round().clip(0, 255).astype(np.uint8)
    return drawn[0] if is_single else drawn


def draw_boxes(
    frames: Any,
    boxes: Sequence[Sequence[CropBox]],
    color: tuple[int, int, int] = (255, 200, 0),
    thickness: int = 2,
) -> np.ndarray:
    """Draw rectangles on frames; one that reaches outside is drawn along the frame's border.

    Args:
        frames: T of them, see `layout`.
        boxes: for each frame its boxes, in its pixels.
        color: RGB, 0 to 255.
        thickness: of the lines in pixels, inside the box.

    Returns:
        uint8 RGB (T, H, W, 3).

    Raises:
        ValueError: if frames and boxes differ in number.
    """
    pictures = np.array(as_frames(frames))
    if len(pictures) != len(boxes):
        raise ValueError(f"{len(pictures)} frames but boxes for {len(boxes)}")
    for picture, here in zip(pictures, boxes, strict=True):
        for box in here:
            left, top = max(0, box.x), max(0, box.y)
            whole = picture[top : max(top, box.y + box.height), left : max(left, box.x + box.width)]
            inside = np.s_[thickness:-thickness, thickness:-thickness]
            kept = whole[inside].copy()
            whole[:] = color
            whole[inside] = kept
    return pictures


def flow_picture(deformation: Any, reach: float = 0.5) -> np.ndarray:
    """Colour a sampling grid by its departure from the identity: hue is direction, strength is length.

    Args:
        deformation: (H, W, 2) or (1, H, W, 2) in [-1, 1], xy.
        reach: departure, in grid units, at which the colour is full; longer ones look the same.

    Returns:
        uint8 RGB (H, W, 3); white where nothing moves.
    """
    grid = np.asarray(deformation.detach().float().cpu() if isinstance(deformation, Tensor) else deformation)
    grid = grid.reshape(grid.shape[-3:])
    height, width = grid.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    dx, dy = grid[..., 0] - x, grid[..., 1] - y
    hue = (np.arctan2(dy, dx) / (2 * np.pi)) % 1.0
    strength = np.clip(np.hypot(dx, dy) / reach, 0, 1)
    rgb = matplotlib.colors.hsv_to_rgb(np.stack([hue, strength, np.ones_like(hue)], axis=-1))
    return (rgb * 255).round().astype(np.uint8)


def mask_picture(mask: Any, colormap: str = "gist_rainbow") -> np.ndarray:
    """Colour soft weights: keypoint k as in `draw_keypoints`, the background (index 0) light grey.

    Args:
        mask: (K + 1, H, W) or (1, K + 1, H, W), non-negative, summing to 1 over the first axis.
        colormap: matplotlib's name.

    Returns:
        uint8 RGB (H, W, 3).
    """
    weights = np.asarray(mask.detach().float().cpu() if isinstance(mask, Tensor) else mask)
    weights = weights.reshape(weights.shape[-3:])
    colors = np.vstack([np.full((1, 3), 225.0), _kp_colors(len(weights) - 1, colormap)])
    return np.einsum("khw,kc->hwc", weights, colors).round().clip(0, 255).astype(np.uint8)


def _kp_colors(num_kp: int, colormap: str) -> np.ndarray:
    return np.asarray(matplotlib.colormaps[colormap](np.arange(num_kp) / max(num_kp, 1)))[:, :3] * 255.0


def _to_pixels(point: np.ndarray, picture: np.ndarray, factor: int) -> np.ndarray:
    """Map [-1, 1] to px of the enlarged picture; -1 and 1 are centres of the frame's border pixels."""
    size = np.array([picture.shape[1], picture.shape[0]]) / factor
    return ((point + 1) / 2 * (size - 1) + 0.5) * factor - 0.5


def _draw_segment(
    picture: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float, color: np.ndarray, opacity: float
) -> None:
    """Blend a round-ended line of the given radius into (H, W, 3), edges smoothed over one pixel."""
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        return
    limit = np.array([picture.shape[1], picture.shape[0]])
    low = np.clip(np.floor(np.minimum(start, end) - radius - 1), 0, limit).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + radius + 2), 0, limit).astype(int)
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    along = end - start
    length = float(along @ along)
    share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length if length else np.zeros(x.shape)
    share = np.clip(share, 0, 1)
    distance = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
    alpha = (opacity * np.clip(radius + 0.5 - distance, 0, 1))[..., None]
    patch = picture[low[1] : high[1], low[0] : high[0]]
    patch += alpha * (color - patch)
