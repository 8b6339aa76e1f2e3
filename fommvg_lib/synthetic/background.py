"""The static picture behind a person: two blended colours and a large, soft pattern."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
from scipy.ndimage import zoom

from fommvg_lib.synthetic.movement import STREAM_LOOK

_PATTERNS = ("stripes", "dots", "checks", "bokeh", "shelves")


@lru_cache(maxsize=1024)
def draw_background(identity: int, size: int, seed: int = 0) -> np.ndarray:
    """Draw the background of a person: (size, size, 3) uint8, the same for the same (seed, identity)."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, identity, 1, STREAM_LOOK]))
    hue = rng.random()
    near, far, ink = (
        np.array(colorsys.hsv_to_rgb((hue + shift) % 1.0, rng.uniform(0.15, 0.5), value))
        for shift, value in (
            (0.0, rng.uniform(0.5, 0.9)),
            (0.12, rng.uniform(0.4, 0.85)),
            (0.45, rng.uniform(0.5, 0.95)),
        )
    )
    along = np.linspace(-1.0, 1.0, size)
    x, y = np.meshgrid(along, along)
    direction = rng.uniform(0, 2 * np.pi)
    slope = 0.5 + 0.35 * (np.cos(direction) * x + np.sin(direction) * y)
    picture = near + slope[..., None] * (far - near)  # (size, size, 3)
    pattern = _pattern(_PATTERNS[rng.integers(len(_PATTERNS))], x, y, rng, size)
    picture += rng.uniform(0.25, 0.55) * pattern[..., None] * (ink - picture)
    grain = zoom(rng.uniform(-0.05, 0.05, (9, 9)), size / 9, order=1, grid_mode=True, mode="nearest")
    picture = np.clip(picture + grain[:size, :size, None], 0.0, 1.0)
    result = np.rint(picture * 255).astype(np.uint8)
    result.setflags(write=False)
    return result


def _pattern(kind: str, x: np.ndarray, y: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Give the pattern's coverage (size, size) in [0, 1]."""
    angle, count = rng.uniform(0, np.pi), rng.uniform(3.0, 5.5)
    phase = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    spots = rng.uniform([-1, -1, 0.12], [1, 1, 0.34], (9, 3))
    lines = rng.uniform(-1, 1, 10)
    pixels = (size - 1) / 2
    if kind == "stripes":
        return _sharpen(np.sin(count * np.pi * along + phase) / (count * np.pi), pixels)
    if kind == "checks":
        wave = np.sin(count * 2.2 * along + phase) * np.sin(count * 2.2 * across)
        return _sharpen(wave / (count * 2.2), pixels)
    if kind == "dots":
        wave = np.cos(count * 3.0 * along + phase) + np.cos(count * 3.0 * across) - 0.9
        return _sharpen(wave / (count * 3.0), pixels)
    if kind == "bokeh":
        distances = np.hypot(x[..., None] - spots[:, 0], y[..., None] - spots[:, 1])
        return _sharpen(spots[:, 2] - distances, pixels).mean(axis=-1) * 2.5
    shelf = np.abs((y * 1.6 + 0.3) % 0.8 - 0.4)
    books = np.sin(7 * np.floor(x * 9 + lines[0]) + 3 * np.floor(y * 2 + lines[1])) * 0.5 + 0.5
    return np.where(shelf < 0.06, 1.0, 0.6 * books)


def _sharpen(distance: np.ndarray, pixels: float) -> np.ndarray:
    return np.clip(0.5 + distance * pixels, 0.0, 1.0)
