"""Which part of a picture or clip goes through the model, and how its result goes back into the whole.

A box is in whole pixels, x to the right and y down from the upper left corner. How faces are found stands in
`faces.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from fommvg_lib.faces import Face, find_face, shrink
from fommvg_lib.files import InputError
from fommvg_lib.video_io.images import resize_image

MODES = ("face", "center", "none")
_SAMPLE_STRIDE, _MAX_SAMPLES = 10, 12
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
    is_picture = isinstance(frames_or_image, np.ndarray) and frames_or_image.ndim == 3
    frames = iter([frames_or_image] if is_picture else frames_or_image)
    first = next(frames, None)
    if first is None:
        raise InputError("there is no frame to crop")
    height, width = first.shape[:2]
    if isinstance(mode, CropBox):
        _require_inside(mode, height, width)
        return mode, None
    if mode == "none":
        return CropBox(0, 0, width, height), None
    if mode == "center":
        return square_at(width / 2, height / 2, min(width, height), height, width), None
    if mode != "face":
        raise ValueError(f"crop mode {mode!r} is none of {', '.join(MODES)}")
    samples, scale = _sample(chain([first], frames))
    faces = _find_faces(samples, scale, is_thorough=False) or _find_faces(samples, scale, is_thorough=True)
    if not faces:
        box = square_at(width / 2, height / 2, min(width, height), height, width)
        return box, "no face was found: the centre square is used"
    return square_around(faces, height, width), None


def _sample(frames: Iterable[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Keep every 10th frame; each time there are more than 12, every other one of them, and so on.

    They are kept at the size that faces are sought at, and by what factor that is smaller stands beside them.
    """
    kept, stride, scale = [], _SAMPLE_STRIDE, 1.0
    for number, frame in enumerate(frames):
        if number % stride == 0:
            small, scale = shrink(frame)
            kept.append(small)
            if len(kept) > _MAX_SAMPLES:
                kept, stride = kept[::2], stride * 2
    return kept, scale


def _find_faces(samples: list[np.ndarray], scale: float, is_thorough: bool) -> list[Face]:
    """Find a face in each sample; those far from the others in size or place are taken for errors."""
    faces = (find_face(sample, is_thorough) for sample in samples)
    found = [face.enlarged(scale) for face in faces if face is not None]
    if not found:
        return []
    boxes = np.array([(face.x + face.width / 2, face.y + face.width / 2, face.width) for face in found])
    x, y, usual = np.median(boxes, axis=0)
    is_alike = np.abs(np.log(boxes[:, 2] / usual)) <= np.log(1.6)
    is_near = np.hypot(boxes[:, 0] - x, boxes[:, 1] - y) <= 1.5 * usual
    kept = [face for face, is_kept in zip(found, is_alike & is_near, strict=True) if is_kept]
    return kept or found


def square_around(faces: list[Face], height: int, width: int) -> CropBox:
    """Give one square for the faces of a clip: their union, grown by what a face needs around it.

    Args:
        faces: where the face is in some of the frames, at least one.
        height: of the frames in pixels.
        width: of the same.
    """
    left, top = min(f.x for f in faces), min(f.y for f in faces)
    right, bottom = max(f.x + f.width for f in faces), max(f.y + f.width for f in faces)
    face = float(np.median([f.width for f in faces]))
    side = max(right - left, bottom - top) + face * (1 / _FACE_SHARE - 1)
    return square_at((left + right) / 2, (top + bottom) / 2, side, height, width)


def square_at(x: float, y: float, side: float, height: int, width: int) -> CropBox:
    """Give the square around (x, y), made smaller and moved as the picture demands; all in pixels."""
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
