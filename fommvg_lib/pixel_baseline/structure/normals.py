"""Triangle normal maps of a face from its 68 points, without a 3-D morphable model.

A mean face (our own few numbers: an ellipsoid with a nose) gives each point a depth. A scaled orthographic
camera is fitted to the points; across and down a vertex lies where its point was found, along the view where
the fitted mean face has it. Seven points of the forehead, which detectors do not find, come from the fit.

Unlike the published maps, whose normals are those of the model's own frame, these are seen from the camera,
so that a turn of the head shows in them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.spatial import Delaunay
from torch import Tensor

from fommvg_lib.pixel_baseline.structure.rasteriser import normal_map
from fommvg_lib.synthetic.face_points import NUM_FACE_POINTS

NUM_FOREHEAD = 7
# Points that expressions move little: eyes' corners, nose, upper jaw; the camera is fitted to them.
_STEADY = np.array([0, 1, 2, 14, 15, 16, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])


class PseudoNormals:
    """Draws 68 points as a normal map in 3 channels; see `interface.Structure`."""

    kind = "normal"
    num_points = NUM_FACE_POINTS
    num_channels = 3

    def draw(self, points: Tensor, size: int) -> Tensor:
        """Give maps (N, 3, size, size) in [-1, 1] of points (N, 68, 2).

        Normals point to the viewer: x to the right, y downwards, z out of the picture.
        """
        faces = points.detach().cpu().numpy().astype(np.float64)
        maps = [normal_map(to_pixels(mesh(face), size), triangles(), size) for face in faces]
        return torch.from_numpy(np.stack(maps)).to(points.device)


def to_pixels(vertices: np.ndarray, size: int) -> np.ndarray:
    """Bring vertices (V, 3) from [-1, 1] to pixels, depth at the same scale."""
    return (vertices + [1.0, 1.0, 0.0]) * (0.5 * (size - 1))


def mesh(points: np.ndarray) -> np.ndarray:
    """Give the vertices (75, 3) of a face: its points (68, 2) and a forehead, depth towards the viewer."""
    mean = mean_face()
    camera, centre = fit_camera(mean[_STEADY], points[_STEADY])
    seen = mean @ camera.T  # (75, 3)
    placed = np.concatenate([points, seen[NUM_FACE_POINTS:, :2] + centre])
    return np.concatenate([placed, seen[:, 2:]], axis=1)


def fit_camera(model: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a scaled rotation and a shift, points ~ model @ camera[:2].T + centre, by least squares.

    The best affine camera is found and its two rows made orthogonal and equally long.

    Args:
        model: (P, 3).
        points: (P, 2).

    Returns:
        The camera (3, 3), a rotation times a scale, and the centre (2,).
    """
    columns = np.concatenate([model, np.ones((len(model), 1))], axis=1)
    affine = np.linalg.lstsq(columns, points, rcond=None)[0].T  # (2, 4)
    left, stretch, right = np.linalg.svd(affine[:, :3], full_matrices=False)
    rows = left @ right
    rotation = np.stack([*rows, np.cross(*rows)])
    camera = rotation * max(stretch.mean(), 1e-6)
    return camera, points.mean(axis=0) - model.mean(axis=0) @ camera[:2].T


@lru_cache(maxsize=1)
def triangles() -> np.ndarray:
    """Give the mesh (F, 3): Delaunay on the mean face seen from the front, all normals to the viewer."""
    mean = mean_face()
    faces = Delaunay(mean[:, :2]).simplices.astype(np.int64)
    first, second, third = (mean[faces[:, i], :2] for i in range(3))
    across, down = second - first, third - first
    is_turned = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] < 0
    faces[is_turned] = faces[is_turned][:, ::-1]
    return faces


@lru_cache(maxsize=1)
def mean_face() -> np.ndarray:
    """Give the mean face (75, 3): x right, y down, z to the viewer; half the face's height is 1."""
    shares = np.linspace(-1, 1, 5)
    jaw = np.linspace(1.06 * np.pi, -0.06 * np.pi, 17)
    parts = [np.stack([0.80 * np.cos(jaw) * (1 - 0.12 * np.sin(jaw).clip(0) ** 2), np.sin(jaw)], -1)]
    for side in (-1, 1):
        parts.append(np.stack([side * 0.37 + 0.2 * shares, -0.42 - 0.06 * (1 - shares**2)], -1))
    parts.append(np.stack([np.zeros(4), np.linspace(-0.2, 0.22, 4)], -1))
    parts.append(np.stack([0.15 * shares, 0.33 + 0.04 * (1 - shares**2)], -1))
    lid = np.array([[-1, 0], [-1 / 3, -1], [1 / 3, -1], [1, 0], [1 / 3, 1], [-1 / 3, 1]])
    parts += [np.array([side * 0.36, -0.2]) + lid * [0.15, 0.05] for side in (-1, 1)]
    for width, height, count in ((0.28, 0.09, 12), (0.22, 0.02, 8)):
        angle = np.pi + 2 * np.pi * np.arange(count) / count
        parts.append(np.array([0.0, 0.56]) + np.stack([width * np.cos(angle), height * np.sin(angle)], -1))
    brow = np.linspace(-0.9, 0.9, NUM_FOREHEAD)
    parts.append(np.stack([0.70 * np.sin(brow), -0.45 - 0.5 * np.cos(brow)], -1))
    flat = np.concatenate(parts)  # (75, 2)
    depth = 0.85 * np.sqrt(np.clip(1 - (flat[:, 0] / 0.95) ** 2 - (flat[:, 1] / 1.15) ** 2, 0.0, None))
    depth[27:31] += np.linspace(0.05, 0.22, 4)
    depth[31:36] += 0.10 * (1 - 0.5 * shares**2)
    return np.column_stack([flat, depth])
