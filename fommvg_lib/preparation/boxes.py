"""Boxes and what is cut out by them. A box may reach outside the picture; what is not there is filled."""

from __future__ import annotations

import numpy as np

from fommvg_lib.crop import CropBox, square_at
from fommvg_lib.video_io.images import resize_image

FITS = ("center", "pad", "stretch")
FILLS = ("edge", "black")


def fit_box(fit: str, height: int, width: int) -> CropBox:
    """Give the box that brings a whole picture into a square.

    Args:
        fit: "center" is the largest centred square, "pad" the smallest square that holds the picture,
            "stretch" the picture as it is, whose shape then changes.
        height: of the picture.
        width: of the picture.

    Raises:
        ValueError: for another `fit`.
    """
    if fit == "stretch":
        return CropBox(0, 0, width, height)
    if fit not in FITS:
        raise ValueError(f"fit {fit!r} is none of {', '.join(FITS)}")
    side = min(height, width) if fit == "center" else max(height, width)
    return CropBox((width - side) // 2, (height - side) // 2, side, side)


def square_of(box: CropBox, height: int, width: int) -> CropBox:
    """Give the square of a box's centre and longer side, moved and shrunk to lie in the picture."""
    side = max(box.width, box.height)
    return square_at(box.x + box.width / 2, box.y + box.height / 2, side, height, width)


def cut_out(frame: np.ndarray, box: CropBox, size: int, fill: str = "edge") -> np.ndarray:
    """Cut a box out of a frame and resize it.

    Args:
        frame: uint8 (H, W, 3).
        box: may reach outside the frame.
        size: side of the result in pixels.
        fill: what stands outside the frame: "edge" repeats its border, "black" is 0.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = frame.shape[:2]
    top, left = max(0, -box.y), max(0, -box.x)
    bottom, right = max(0, box.y + box.height - height), max(0, box.x + box.width - width)
    rows = slice(box.y + top, box.y + box.height - bottom)
    part = frame[rows, box.x + left : box.x + box.width - right]
    if top or left or bottom or right:
        margins = ((top, bottom), (left, right), (0, 0))
        part = np.pad(part, margins, mode="edge" if fill == "edge" else "constant")
    return resize_image(np.ascontiguousarray(part), (size, size))
