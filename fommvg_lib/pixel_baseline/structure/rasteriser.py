"""Triangles to pixels, vectorised over all of them, with a depth buffer.

A pixel belongs to a triangle whose border or inside its centre lies on, and shows of those the one nearest to
the viewer at that very pixel; of equally near ones the first. (The public release of FRGAN compares distances
of centroids from the model's origin, which is right near the frontal view only, and leaves out triangles that
reach over the picture's edge.)
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-9
"""How far outside, in barycentric coordinates, still counts as the border."""
PIXELS_AT_ONCE = 1 << 22
"""Candidate pixels that are held in memory together."""


def rasterise(vertices: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    """Find the triangle that each pixel shows.

    Args:
        vertices: (V, 3): x and y in pixels, integers being the centres; z grows towards the viewer.
        triangles: (F, 3) int, numbers of vertices.
        size: side of the picture.

    Returns:
        (size, size) int64: the triangle's number, or -1 where there is none.

    Raises:
        ValueError: for other shapes, vertices that are not finite, or numbers of no vertex.
    """
    vertices, triangles = np.asarray(vertices, np.float64), np.asarray(triangles, np.int64)
    _check(vertices, triangles)
    shown = np.full(size * size, -1, np.int64)
    nearest = np.full(size * size, -np.inf)
    corners = vertices[triangles]  # (F, 3, 3)
    low = np.clip(np.ceil(corners[:, :, :2].min(axis=1) - 1e-6), 0, size).astype(np.int64)
    high = np.clip(np.floor(corners[:, :, :2].max(axis=1) + 1e-6), -1, size - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    counts = extent.prod(axis=1)
    if not counts.sum():
        return shown.reshape(size, size)
    begins = np.searchsorted(np.cumsum(counts), np.arange(0, counts.sum(), PIXELS_AT_ONCE), side="right")
    for begin, end in zip(begins, [*begins[1:], len(triangles)], strict=True):
        part = np.arange(begin, end)
        owner = np.repeat(part, counts[part])
        offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        x = low[owner, 0] + offset % np.maximum(extent[owner, 0], 1)
        y = low[owner, 1] + offset // np.maximum(extent[owner, 0], 1)
        inside, depth = _depth(corners[owner], x, y)
        _draw(shown, nearest, (y * size + x)[inside], owner[inside], depth[inside])
    return shown.reshape(size, size)


def _depth(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say which candidates (n,) lie in their triangles (n, 3, 3), and how near they are there."""
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = np.moveaxis(corners, (1, 2), (0, 1))
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    is_flat = np.abs(area) < 1e-12
    area = np.where(is_flat, 1.0, area)
    b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area
    c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area
    a = 1.0 - b - c
    inside = ~is_flat & (np.minimum(np.minimum(a, b), c) >= -TOLERANCE)
    # Rounded, so that triangles that meet in an edge are equally near there.
    return inside, np.round(a * z0 + b * z1 + c * z2, 9)


def _draw(
    shown: np.ndarray, nearest: np.ndarray, pixels: np.ndarray, owner: np.ndarray, depth: np.ndarray
) -> None:
    """Let each pixel keep the nearest of what it shows and its candidates, the earlier of equals."""
    order = np.lexsort((-owner, depth, pixels))
    last = np.flatnonzero(np.append(np.diff(pixels[order]) != 0, True)) if len(order) else order
    best = order[last]
    wins = depth[best] > nearest[pixels[best]]
    shown[pixels[best[wins]]], nearest[pixels[best[wins]]] = owner[best[wins]], depth[best[wins]]


def _check(vertices: np.ndarray, triangles: np.ndarray) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"expected (V, 3) and (F, 3), got {vertices.shape} and {triangles.shape}")
    if not np.isfinite(vertices).all():
        raise ValueError("vertices hold numbers that are not finite")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(vertices):
        raise ValueError(f"triangles name vertices outside 0 to {len(vertices) - 1}")


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Give the unit normals (F, 3) of triangles, (v1 - v2) x (v1 - v3); 0 for those without area."""
    first, second, third = (np.asarray(vertices, np.float64)[triangles[:, i]] for i in range(3))
    normals = np.cross(first - second, first - third)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-12, normals / np.maximum(length, 1e-12), 0.0)


def normal_map(
    vertices: np.ndarray, triangles: np.ndarray, size: int, normals: np.ndarray | None = None
) -> np.ndarray:
    """Paint the normals of the visible triangles.

    Args:
        vertices: (V, 3), as for `rasterise`.
        triangles: (F, 3).
        size: side of the map.
        normals: (F, 3) to paint; None: those of the vertices as they stand.

    Returns:
        (3, size, size) float32 in [-1, 1], 0 where there is no triangle.
    """
    shown = rasterise(vertices, triangles, size)
    normals = triangle_normals(vertices, triangles) if normals is None else normals
    painted = np.where((shown >= 0)[..., None], normals[shown] if len(normals) else 0.0, 0.0)
    return np.moveaxis(painted, -1, 0).astype(np.float32)
