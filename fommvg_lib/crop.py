"""Which part of a picture or clip goes through the model, and how its result goes back into the whole.

A box is in whole pixels, x to the right and y down from the upper left corner. Faces are found with the
frontal-face cascade of local binary patterns that comes with scikit-image; profiles and small faces are
beyond it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from skimage import data
from skimage.color import rgb2gray
from skimage.feature import Cascade

from fommvg_lib.files import InputError
from fommvg_lib.video_io.images import resize_image

MODES = ("face", "center", "none")
_DETECTION_SIDE = 640
_SAMPLE_STRIDE, _MAX_SAMPLES = 10, 12
_COARSE = {"scale_factor": 1.15, "step_ratio": 1.5, "min_neighbor_number": 4}
_FINE = {"scale_factor": 1.05, "step_ratio": 1.0, "min_neighbor_number": 8}
_FACE_SHARE = 0.5
_FEATHER_SHARE = 0.06


@dataclass(frozen=True)
class CropBox:
    """A rectangle of `width` x `height` pixels with its upper left corner at (x, y)."""

    x: int
    y: int
    width: int
    height: int


def parse_crop(text: str) -> str | CropBox:
    """Read a crop as written on the command line: face, center, none or X,Y,W,H.

    Raises:
        InputError: for anything else.
    """
    if text in MODES:
        return text
    parts = text.split(",")
    if len(parts) == 4 and all(part.strip().isdecimal() for part in parts):
        box = CropBox(*(int(part) for part in parts))
        if box.width > 0 and box.height > 0:
            return box
    raise InputError(f"crop {text!r}: say face, center, none or X,Y,W,H in whole pixels")


def find_crop(
    frames_or_image: np.ndarray | Iterable[np.ndarray], mode: str | CropBox
) -> tuple[CropBox, str | None]:
    """Find the box to cut out, one for a whole clip.

    "center" is the largest centred square, "none" the whole picture. "face" is a square of which the face
    takes about half the width, so that the head and some shoulder are in it, as in the crops that FOMM's
    talking heads are trained on; for a clip it holds the face wherever it is in a dozen of its frames.

    Args:
        frames_or_image: uint8 (H, W, 3), or frames of that kind: (T, H, W, 3) or any iterable, read once.
        mode: what `parse_crop` gives.

    Returns:
        The box, inside the picture, and a note where it is not what was asked for (no face found), else None.

    Raises:
        InputError: if a given box reaches outside the picture, or there is no frame.
        ValueError: for an unknown mode.
    """
    samples = _sample(frames_or_image)
    height, width = samples[0].shape[:2]
    if isinstance(mode, CropBox):
        _require_inside(mode, height, width)
        return mode, None
    if mode == "none":
        return CropBox(0, 0, width, height), None
    if mode == "center":
        return _square(width / 2, height / 2, min(width, height), height, width), None
    if mode != "face":
        raise ValueError(f"crop mode {mode!r} is none of {', '.join(MODES)}")
    faces = _find_faces(samples, is_thorough=False) or _find_faces(samples, is_thorough=True)
    if not faces:
        box = _square(width / 2, height / 2, min(width, height), height, width)
        return box, "no face was found: the centre square is used"
    return _square_around(faces, height, width), None


def _sample(frames_or_image: np.ndarray | Iterable[np.ndarray]) -> list[np.ndarray]:
    """Keep every 10th frame; each time there are more than 12, every other one of them, and so on."""
    if isinstance(frames_or_image, np.ndarray) and frames_or_image.ndim == 3:
        return [frames_or_image]
    kept, stride = [], _SAMPLE_STRIDE
    for number, frame in enumerate(frames_or_image):
        if number % stride == 0:
            kept.append(frame)
            if len(kept) > _MAX_SAMPLES:
                kept, stride = kept[::2], stride * 2
    if not kept:
        raise InputError("there is no frame to crop")
    return kept


@cache
def _cascade() -> Cascade:
    return Cascade(data.lbp_frontal_face_cascade_filename())


def _find_faces(samples: list[np.ndarray], is_thorough: bool) -> list[CropBox]:
    """Find a face in each sample; those far from the others in size or place are taken for errors."""
    found = [face for face in (find_face(sample, is_thorough) for sample in samples) if face is not None]
    if not found:
        return []
    boxes = np.array([(face.x + face.width / 2, face.y + face.height / 2, face.width) for face in found])
    x, y, usual = np.median(boxes, axis=0)
    is_alike = np.abs(np.log(boxes[:, 2] / usual)) <= np.log(1.6)
    is_near = np.hypot(boxes[:, 0] - x, boxes[:, 1] - y) <= 1.5 * usual
    kept = [face for face, is_kept in zip(found, is_alike & is_near, strict=True) if is_kept]
    return kept or found


def find_face(image: np.ndarray, is_thorough: bool = False) -> CropBox | None:
    """Find the largest frontal face, from the brows to the chin.

    Args:
        image: uint8 (H, W, 3).
        is_thorough: search in finer steps; finds turned and painted faces too, and more that are none.

    Returns:
        A square box in the image's pixels, or None.
    """
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / _DETECTION_SIDE)
    small = resize_image(image, (max(1, round(height / scale)), max(1, round(width / scale))))
    side = min(small.shape[:2])
    if side < 24:  # the cascade's own window
        return None
    smallest = max(24, side // 8)
    # Tuned by eye on portraits, paintings and talking heads: the first finds 9 in 10 with hardly a false one.
    steps = _FINE if is_thorough else _COARSE
    found = _cascade().detect_multi_scale(
        img=rgb2gray(small), min_size=(smallest, smallest), max_size=(side, side), **steps
    )
    if not found:
        return None
    best = max(found, key=lambda box: box["width"])
    return CropBox(*(round(best[name] * scale) for name in ("c", "r", "width", "height")))


def _square_around(faces: list[CropBox], height: int, width: int) -> CropBox:
    """Grow the union of faces by what one face needs around it."""
    left, top = min(f.x for f in faces), min(f.y for f in faces)
    right, bottom = max(f.x + f.width for f in faces), max(f.y + f.height for f in faces)
    face = float(np.median([f.width for f in faces]))
    side = max(right - left, bottom - top) + face * (1 / _FACE_SHARE - 1)
    return _square((left + right) / 2, (top + bottom) / 2, side, height, width)


def _square(x: float, y: float, side: float, height: int, width: int) -> CropBox:
    """Give the square around (x, y), made smaller and moved as the picture demands."""
    length = min(round(side), height, width)
    left = min(max(round(x - length / 2), 0), width - length)
    top = min(max(round(y - length / 2), 0), height - length)
    return CropBox(left, top, length, length)


def _require_inside(box: CropBox, height: int, width: int) -> None:
    if box.x < 0 or box.y < 0 or box.x + box.width > width or box.y + box.height > height:
        given = f"{box.x},{box.y},{box.width},{box.height}"
        raise InputError(f"crop {given}: reaches outside the picture of {width} x {height} pixels")


def apply_crop(frame: np.ndarray, box: CropBox) -> np.ndarray:
    """Cut the box out of a frame (H, W, 3): (box.height, box.width, 3), a copy.

    Raises:
        InputError: if the box reaches outside the frame.
    """
    _require_inside(box, *frame.shape[:2])
    return frame[box.y : box.y + box.height, box.x : box.x + box.width].copy()


def paste_back(original_frame: np.ndarray, box: CropBox, crop_frame: np.ndarray) -> np.ndarray:
    """Put a generated crop back into its picture, with soft borders where they lie inside it.

    Args:
        original_frame: uint8 (H, W, 3).
        box: where the crop was taken from.
        crop_frame: uint8 (h, w, 3) of any size; it is resized to the box.

    Returns:
        uint8 (H, W, 3); outside the box the original, untouched.

    Raises:
        InputError: if the box reaches outside the frame.
    """
    background = apply_crop(original_frame, box).astype(np.float32)
    crop = resize_image(crop_frame, (box.height, box.width)).astype(np.float32)
    height, width = original_frame.shape[:2]
    rows = _ramp(box.height, box.y > 0, box.y + box.height < height)
    columns = _ramp(box.width, box.x > 0, box.x + box.width < width)
    weight = (rows[:, None] * columns)[..., None]  # (h, w, 1)
    result = original_frame.copy()
    blend = np.rint(weight * crop + (1 - weight) * background).astype(np.uint8)
    result[box.y : box.y + box.height, box.x : box.x + box.width] = blend
    return result


def _ramp(length: int, is_soft_before: bool, is_soft_behind: bool) -> np.ndarray:
    """Weights (length,) that rise from 0 at soft ends to 1 inside, along half a cosine."""
    reach = max(1, round(length * _FEATHER_SHARE))
    distance = np.arange(length, dtype=np.float32) + 0.5
    nearest = np.full(length, np.inf, np.float32)
    if is_soft_before:
        nearest = np.minimum(nearest, distance)
    if is_soft_behind:
        nearest = np.minimum(nearest, distance[::-1])
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(nearest / reach, 0, 1))
