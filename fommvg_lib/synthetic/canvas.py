"""Painting soft-edged shapes into many frames at once, each within a small window.

Shapes are given by signed distances: coverage is 1/2 on the edge and falls from 1 to 0 over one pixel, so
that edges are anti-aliased at every size. All frames of a canvas are painted by the same array operations; a
window has one size in all frames, but its own place in each.
"""

from __future__ import annotations

import numpy as np


def soft(distance: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Turn signed distances (inside negative) into coverage in [0, 1]; works in place.

    Args:
        distance: (n, h, w) in local units.
        pixels: (n, 1, 1) pixels in one local unit.
    """
    distance *= -pixels
    distance += 0.5
    return np.clip(distance, 0.0, 1.0, out=distance)


def ellipse(x: np.ndarray, y: np.ndarray, radius_x: np.ndarray, radius_y: np.ndarray) -> np.ndarray:
    """Give the signed distance to an ellipse (n, h, w), first order near its edge.

    Args:
        x: (n, h, w) local coordinates from its middle.
        y: the same downwards.
        radius_x: (n, 1, 1) half width.
        radius_y: (n, 1, 1) half height.
    """
    across, down = x / radius_x, y / radius_y
    across *= across
    down *= down
    distance = across + down  # either may still be one row or one column
    np.sqrt(distance, out=distance)
    distance -= 1.0
    distance *= np.minimum(radius_x, radius_y)
    return distance


def column(values: np.ndarray) -> np.ndarray:
    """Shape numbers (n,) so that they go along pixels: (n, 1, 1) float32."""
    return np.asarray(values, dtype=np.float32)[:, None, None]


class Canvas:
    """n square frames as planes (3, n, size, size) float32 in [0, 1]."""

    def __init__(self, frames: np.ndarray) -> None:
        """Start from `frames` (n, size, size, 3) uint8."""
        planes = np.empty((3, *frames.shape[:3]), dtype=np.float32)
        for plane, channel in zip(planes, np.moveaxis(frames, -1, 0), strict=True):
            np.multiply(channel, np.float32(1 / 255), out=plane)
        self.planes = planes
        self.size = frames.shape[1]
        self.pixels_per_unit = (self.size - 1) / 2.0

    def to_uint8(self) -> np.ndarray:
        """Give the frames (n, size, size, 3) uint8."""
        self.planes *= 255.0
        self.planes += 0.5
        frames = np.empty((*self.planes.shape[1:], 3), dtype=np.uint8)
        for k, plane in enumerate(self.planes):
            frames[..., k] = np.clip(plane, 0.0, 255.0, out=plane)
        return frames

    def window(self, rows: np.ndarray, centre: np.ndarray, half: np.ndarray) -> Window:
        """Open a window around `centre` (m, 2), half size `half` (m,) picture units, in frames `rows` (m,).

        What is painted must lie within, else the picture would depend on what else is in the batch.
        """
        return Window(self, rows, centre, half)

    def band(self, top: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the planes from height `top` (picture units) down, and their picture coordinates.

        Returns:
            A view (3, n, h, size), x (1, 1, size) and y (1, h, 1).
        """
        start = min(max(int((top + 1.0) * self.pixels_per_unit), 0), self.size - 1)
        along = (np.arange(self.size, dtype=np.float32) / self.pixels_per_unit - 1.0).astype(np.float32)
        return self.planes[:, :, start:], along[None, None, :], along[None, start:, None]


class Window:
    """A piece of each of m frames, copied out, painted upon and put back by `close`."""

    def __init__(self, canvas: Canvas, rows: np.ndarray, centre: np.ndarray, half: np.ndarray) -> None:
        size, scale = canvas.size, canvas.pixels_per_unit
        side = int(min(size, np.ceil(2 * half.max() * scale) + 3))
        corner = np.rint((centre + 1.0) * scale - (side - 1) / 2).astype(np.int64)
        corner = np.clip(corner, 0, size - side)  # (m, 2)
        steps = np.arange(side)
        columns, lines = corner[:, 0, None] + steps, corner[:, 1, None] + steps
        self._index = (rows[:, None] * size + lines)[:, :, None] * size + columns[
            :, None, :
        ]  # (m, side, side)
        self._flat = canvas.planes.reshape(3, -1)
        self.planes = [plane.take(self._index) for plane in self._flat]
        self._x = (columns / scale - 1.0)[:, None, :]  # (m, 1, side)
        self._y = (lines / scale - 1.0)[:, :, None]  # (m, side, 1)
        self._scale = scale

    def local(self, centre: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the pixels' coordinates in the frame of a patch.

        Args:
            centre: (m, 2) picture coordinates of its origin.
            axes: (m, 2, 2), columns are its unit vectors in the picture.

        Returns:
            x and y (m, side, side), and pixels per local unit (m, 1, 1), all float32.
        """
        a, b, c, d = axes[:, 0, 0], axes[:, 0, 1], axes[:, 1, 0], axes[:, 1, 1]
        determinant = a * d - b * c
        right, down = self._x - column(centre[:, 0]), self._y - column(centre[:, 1])
        x = (right * column(d / determinant)).astype(np.float32) - (down * column(b / determinant)).astype(
            np.float32
        )
        y = (down * column(a / determinant)).astype(np.float32) - (right * column(c / determinant)).astype(
            np.float32
        )
        return x, y, column(np.sqrt(np.abs(determinant)) * self._scale)

    def blend(self, coverage: np.ndarray, colour: np.ndarray, gain: np.ndarray | None = None) -> None:
        """Lay a colour (m, 3) over the window where `coverage` (m, side, side) says; `gain` shades it."""
        for plane, value in zip(self.planes, colour.T, strict=True):
            target = column(value) if gain is None else column(value) * gain
            difference = target - plane
            difference *= coverage
            plane += difference

    def close(self) -> None:
        """Put the painted pieces back into the frames."""
        for flat, plane in zip(self._flat, self.planes, strict=True):
            flat[self._index] = plane
