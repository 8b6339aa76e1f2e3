"""Where the face is in a picture: a square from the brows to the chin, for cropping.

By default with the frontal-face cascade of local binary patterns that comes with scikit-image; profiles and
small faces are beyond it. With OpenCV installed and YuNet's model in the cache (fommvg weights fetch yunet)
that network looks instead, which knows turned, small and half-hidden faces as well.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data
from skimage.color import rgb2gray
from skimage.feature import Cascade

from fommvg_lib.files import InputError
from fommvg_lib.video_io.images import resize_image

_DETECTION_SIDE = 640
_COARSE = {"scale_factor": 1.15, "step_ratio": 1.5, "min_neighbor_number": 4}
_FINE = {"scale_factor": 1.05, "step_ratio": 1.0, "min_neighbor_number": 8}
_SURE, _UNSURE = 0.8, 0.5  # YuNet's score; paintings and profiles score low


@dataclass(frozen=True)
class Face:
    """A square of `width` pixels with its upper left corner at (x, y)."""

    x: int
    y: int
    width: int

    def enlarged(self, scale: float) -> Face:
        """Give the same face in a picture `scale` times as large."""
        return Face(round(self.x * scale), round(self.y * scale), round(self.width * scale))


def shrink(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Bring a picture (H, W, 3) to the size that faces are sought at; gives by what factor it was larger."""
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / _DETECTION_SIDE)
    return resize_image(image, (max(1, round(height / scale)), max(1, round(width / scale)))), scale


def find_face(image: np.ndarray, is_thorough: bool = False) -> Face | None:
    """Find the largest face.

    Args:
        image: uint8 (H, W, 3).
        is_thorough: look closer; finds turned and painted faces too, and more that are none.

    Returns:
        A square from the brows to the chin in the image's pixels, or None.

    Raises:
        InputError: if the file of YuNet's model is not what it should be.
    """
    return next(iter(find_faces(image, is_thorough)), None)


def find_faces(image: np.ndarray, is_thorough: bool = False) -> list[Face]:
    """Find all faces, the largest first; arguments and errors as for `find_face`."""
    small, scale = shrink(image)
    network = _open_yunet()
    found = _find_by_cascade(small, is_thorough) if network is None else _ask(network, small, is_thorough)
    found.sort(key=lambda box: -box[2])
    return [Face(round(x * scale), round(y * scale), round(side * scale)) for x, y, side in found]


def detector_name() -> str:
    """Say which detector looks for faces: "yunet" or "cascade"."""
    return "cascade" if _open_yunet() is None else "yunet"


@cache
def _cascade() -> Cascade:
    return Cascade(data.lbp_frontal_face_cascade_filename())


def _find_by_cascade(image: np.ndarray, is_thorough: bool) -> list[tuple[float, float, float]]:
    """Give (x, y, width) of squares."""
    side = min(image.shape[:2])
    if side < 24:  # the cascade's own window
        return []
    smallest = max(24, side // 8)
    # Tuned by eye on portraits, paintings and talking heads: the first finds 9 in 10 with hardly a false one.
    steps = _FINE if is_thorough else _COARSE
    found = _cascade().detect_multi_scale(
        img=rgb2gray(image), min_size=(smallest, smallest), max_size=(side, side), **steps
    )
    return [(box["c"], box["r"], box["width"]) for box in found]


def _open_yunet() -> Any | None:
    """Give OpenCV's YuNet, or None without OpenCV 4.8 or without the model's file."""
    from fommvg_lib.weights.helpers import find_helper  # brings torch along, which the cascade does without

    path = find_helper("yunet")
    return None if path is None else _load_yunet(path)


@cache
def _load_yunet(path: Path) -> Any | None:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError:
        return None
    if tuple(int(part) for part in cv2.__version__.split(".")[:2]) < (4, 8):  # older ones misread this model
        return None
    try:
        return cv2.FaceDetectorYN.create(str(path), "", (320, 320))
    except cv2.error as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: cannot be used by OpenCV {cv2.__version__} ({reason})") from error


def _ask(network: Any, image: np.ndarray, is_thorough: bool) -> list[tuple[float, float, float]]:
    """Give (x, y, width) of squares, from YuNet's rows of box (x, y, w, h), five landmarks, score."""
    height, width = image.shape[:2]
    network.setInputSize((width, height))
    network.setScoreThreshold(_UNSURE if is_thorough else _SURE)
    _, rows = network.detect(np.ascontiguousarray(image[..., ::-1]))  # BGR
    squares = []
    for x, y, w, h in [] if rows is None else rows[:, :4].tolist():
        # Its box reaches from the hair line to the chin and is higher than wide: the square keeps the chin.
        side = (w + h) / 2
        squares.append((x + w / 2 - side / 2, y + h - side, side))
    return squares
