"""Random changes of a pair of frames, the same for both (the public release's augmentation).

The order is fixed: flips, rotation, resize, crop, colour jitter; the jitter's own four steps come in random
order. Frames are (T, H, W, C), C = 3 or 1, uint8 or float in [0, 1]; what comes in as uint8 goes out as
uint8. Unlike the release, colours are changed in floating point, without a detour through 8 bits.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fommvg_lib.config.data import AugmentationConfig

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # BT.601, as Pillow's grey


def augment(frames: np.ndarray, config: AugmentationConfig, rng: np.random.Generator) -> np.ndarray:
    """Change all frames of an item alike.

    Args:
        frames: (T, H, W, C), uint8 or float in [0, 1].
        config: which changes, how large.
        rng: source of all randomness.

    Returns:
        (T, H', W', C) of the same kind; H' = W' = `crop_size` if that is set.
    """
    is_uint8 = frames.dtype == np.uint8
    frames = flip(frames, *draw_flips(config, rng))
    if config.rotation_degrees > 0:
        frames = rotate(frames, rng.uniform(-config.rotation_degrees, config.rotation_degrees))
    if tuple(config.resize_ratio) != (1.0, 1.0):
        frames = resize_nearest(frames, rng.uniform(*config.resize_ratio))
    if config.crop_size is not None:
        frames = random_crop(frames, config.crop_size, rng)
    if max(config.brightness, config.contrast, config.saturation, config.hue) > 0:
        jittered = jitter(frames.astype(np.float32) / 255 if is_uint8 else frames, config, rng)
        frames = np.rint(jittered * 255).astype(np.uint8) if is_uint8 else jittered
    return frames


def draw_flips(config: AugmentationConfig, rng: np.random.Generator) -> tuple[bool, bool]:
    """Draw whether time is reversed and whether frames are mirrored."""
    reverse, mirror = rng.random(2) < 0.5
    reverse, mirror = config.time_flip and bool(reverse), config.horizontal_flip and bool(mirror)
    if not config.independent_flips and reverse:
        mirror = False  # the published code returns after the time flip
    return reverse, mirror


def flip(frames: np.ndarray, reverse: bool, mirror: bool) -> np.ndarray:
    """Reverse time, mirror left and right, or both."""
    return frames[:: -1 if reverse else 1, :, :: -1 if mirror else 1]


def rotate(frames: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate about the middle, bilinear, with the border pixels repeated outwards."""
    rotated = ndimage.rotate(
        frames.astype(np.float32), degrees, axes=(1, 2), reshape=False, order=1, mode="nearest"
    )
    return np.rint(rotated).astype(np.uint8) if frames.dtype == np.uint8 else rotated.astype(frames.dtype)


def resize_nearest(frames: np.ndarray, factor: float) -> np.ndarray:
    """Resize both sides by `factor` with the nearest pixel."""
    height, width = (max(1, round(side * factor)) for side in frames.shape[1:3])
    rows = ((np.arange(height) + 0.5) * frames.shape[1] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * frames.shape[2] / width).astype(np.int64)
    return frames[:, rows[:, None], columns[None, :]]


def random_crop(frames: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a random square window; smaller frames first get their border repeated on all sides."""
    missing = [max(0, size - side) for side in frames.shape[1:3]]
    if any(missing):
        padding = [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)]
        frames = np.pad(frames, padding, mode="edge")
    top, left = (int(rng.integers(side - size + 1)) for side in frames.shape[1:3])
    return frames[:, top : top + size, left : left + size]


def jitter(frames: np.ndarray, config: AugmentationConfig, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation and hue of float frames in [0, 1], in random order."""
    strengths = np.array([config.brightness, config.contrast, config.saturation])
    factors = rng.uniform(np.maximum(0.0, 1.0 - strengths), 1.0 + strengths).astype(np.float32)
    turn = rng.uniform(-config.hue, config.hue)
    for step in rng.permutation(4):
        if step == 3:
            frames = shift_hue(frames, turn) if config.hue > 0 else frames
        elif strengths[step] > 0:
            frames = np.clip(_anchor(frames, step) * (1 - factors[step]) + frames * factors[step], 0.0, 1.0)
    return frames.astype(np.float32, copy=False)


def _anchor(frames: np.ndarray, step: int) -> np.ndarray | np.float32:
    """What a factor of 0 leads to: black, the frame's mean grey, or each pixel's grey."""
    if step == 0:
        return np.float32(0.0)
    grey = frames if frames.shape[-1] == 1 else (frames @ _LUMA)[..., None]
    return grey.mean(axis=(1, 2, 3), keepdims=True) if step == 1 else grey


def shift_hue(frames: np.ndarray, turn: float) -> np.ndarray:
    """Turn the hue (of HSV) by `turn`, in turns of the colour circle; grey frames stay as they are.

    Args:
        frames: (..., C) float in [0, 1].
        turn: in [-0.5, 0.5].
    """
    if frames.shape[-1] == 1:
        return frames
    red, green, blue = np.ascontiguousarray(np.moveaxis(frames, -1, 0))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    sixths = 1 / np.maximum(
        chroma, np.finfo(chroma.dtype).tiny
    )  # where the chroma is 0 the hue has no effect
    hue = np.where(
        value == red,
        (green - blue) * sixths,
        np.where(value == green, 2 + (blue - red) * sixths, 4 + (red - green) * sixths),
    )
    shifted = np.empty_like(frames)
    for channel, offset in enumerate((5, 3, 1)):
        k = hue + (6 * turn + offset)
        k -= 6 * np.floor(k / 6)
        shifted[..., channel] = value - chroma * np.clip(np.minimum(k, 4 - k), 0, 1)
    return shifted
