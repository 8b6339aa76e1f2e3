"""Frames laid out as pictures: enlarged, in rows with captions, side by side.

Frames in: uint8 arrays (T, H, W, C) or one (H, W, C), C = 1 or 3, or one grey (H, W); float tensors of the
models (T, C, H, W) or (C, H, W) in [0, 1] are taken too. Pictures out: uint8 RGB, (T, H, W, 3) or (H, W, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

CAPTION_HEIGHT = 18
PAPER, INK = (255, 255, 255), (40, 40, 40)


def as_frames(frames: Any) -> np.ndarray:
    """Bring frames of any accepted layout to uint8 RGB.

    Args:
        frames: as the module's head says.

    Returns:
        (T, H, W, 3) uint8; T = 1 for a single frame.

    Raises:
        ValueError: for another layout or dtype.
    """
    if isinstance(frames, Tensor):
        frames = frames.detach().float().cpu().clamp(0, 1).mul(255).round().byte().movedim(-3, -1).numpy()
    array = np.asarray(frames)
    array = array[..., None] if array.ndim == 2 else array
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or array.dtype != np.uint8:
        raise ValueError(f"frames must be uint8 (T, H, W, 1 or 3), got {array.dtype} {array.shape}")
    return np.broadcast_to(array, (*array.shape[:3], 3))


def enlarge(frame: Any, factor: int) -> np.ndarray:
    """Repeat every pixel `factor` times along both axes: (..., H, W, C) -> (..., factor H, factor W, C)."""
    if factor < 1:
        raise ValueError(f"factor must be at least 1, got {factor}")
    array = np.asarray(frame)
    return array.repeat(factor, axis=-3).repeat(factor, axis=-2)


def strip(
    rows: Any,
    num: int = 8,
    labels: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    factor: int = 1,
    gap: int = 2,
) -> np.ndarray:
    """Lay frames out as one picture: a row per sequence, captions beside rows or above columns.

    Args:
        rows: one sequence of frames (T, H, W, C), or a list of sequences, of lists of frames too.
        num: frames shown of each row: all, or `num` evenly spaced ones including both ends.
        labels: one caption per row, drawn above its left end.
        columns: one caption per column, drawn at the top.
        factor: enlargement of the frames.
        gap: px between frames.

    Returns:
        uint8 RGB (H', W', 3), white between the frames.

    Raises:
        ValueError: if the number of captions does not fit, or frames differ in size.
    """
    is_one_row = getattr(rows[0], "ndim", 4) <= 3
    sequences = [_sequence(row) for row in ([rows] if is_one_row else rows)]
    if labels is not None and len(labels) != len(sequences):
        raise ValueError(f"{len(labels)} labels for {len(sequences)} rows")
    shown = [
        enlarge(s[np.linspace(0, len(s) - 1, min(num, len(s))).round().astype(int)], factor)
        for s in sequences
    ]
    sizes = {frames.shape[1:3] for frames in shown}
    if len(sizes) != 1:
        raise ValueError(f"frames of one strip must have one size, got {sorted(sizes)}")
    if columns is not None and len(columns) != max(map(len, shown)):
        raise ValueError(f"{len(columns)} columns named, {max(map(len, shown))} drawn")
    (height, width), above = sizes.pop(), CAPTION_HEIGHT if labels is not None else 0
    top = CAPTION_HEIGHT if columns is not None else 0
    size = (max(map(len, shown)) * (width + gap) - gap, top + len(shown) * (height + above + gap) - gap)
    sheet = Image.new("RGB", size, PAPER)
    for index, name in enumerate(columns or ()):
        _write_caption(sheet, (index * (width + gap), 1), name, width)
    for row, frames in enumerate(shown):
        y = top + row * (height + above + gap)
        if labels is not None:
            _write_caption(sheet, (0, y + 1), labels[row], sheet.width)
        for index, frame in enumerate(frames):
            sheet.paste(Image.fromarray(frame), (index * (width + gap), y + above))
    return np.asarray(sheet)


def side_by_side(clips: Sequence[Any], gap: int = 2) -> np.ndarray:
    """Join clips left to right; lower ones are resized to the greatest height (bicubic).

    Args:
        clips: frames of equal number T each; a clip of one frame stands still beside the others.
        gap: white px between them.

    Returns:
        uint8 RGB (T, H, W', 3).

    Raises:
        ValueError: if there is no clip, or two numbers of frames differ and neither is 1.
    """
    if not clips:
        raise ValueError("no clip to lay side by side")
    parts = [as_frames(clip) for clip in clips]
    num, height = max(map(len, parts)), max(part.shape[1] for part in parts)
    if any(len(part) not in (1, num) for part in parts):
        raise ValueError(f"clips of {[len(part) for part in parts]} frames cannot stand side by side")
    joined: list[np.ndarray] = []
    for part in parts:
        part = part if part.shape[1] == height else np.stack([_resize_to(frame, height) for frame in part])
        joined += [np.full((num, height, gap, 3), 255, np.uint8)] if joined else []
        joined.append(np.broadcast_to(part, (num, *part.shape[1:])))
    return np.concatenate(joined, axis=2)


def _sequence(row: Any) -> np.ndarray:
    if isinstance(row, (list, tuple)):
        return np.concatenate([as_frames(frame) for frame in row])
    return as_frames(row)


def _resize_to(frame: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def _write_caption(sheet: Image.Image, corner: tuple[int, int], text: str, width: int) -> None:
    """Write one line, shortened with an ellipsis until it fits `width` px."""
    font = ImageFont.load_default(size=12)
    pen = ImageDraw.Draw(sheet)
    shown = text
    while len(shown) > 1 and pen.textlength(shown, font=font) > width:
        shown = shown.rstrip("…")[:-1] + "…"
    pen.text(corner, shown, fill=INK, font=font)
