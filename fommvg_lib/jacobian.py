"""Geometry of 2x2 Jacobians in closed form: a path between two, and a limit on their stretch.

Every 2x2 matrix is E * rotation(phi) + F * reflection(chi) with E, F >= 0; its singular values are E + F and
|E - F|, its determinant E^2 - F^2. No decomposition routine is called, so all of it is batched and cheap.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.motion import inverse_2x2


def _split(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give (E, phi, F, chi) of (..., 2, 2): lengths and angles of the rotation and the reflection part."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    rotation_x, rotation_y = (a + d) / 2, (c - b) / 2
    reflection_x, reflection_y = (a - d) / 2, (b + c) / 2
    return (
        torch.hypot(rotation_x, rotation_y),
        torch.atan2(rotation_y, rotation_x),
        torch.hypot(reflection_x, reflection_y),
        torch.atan2(reflection_y, reflection_x),
    )


def _join(rotation: Tensor, phi: Tensor, reflection: Tensor, chi: Tensor) -> Tensor:
    """Undo `_split`; (..., 2, 2)."""
    a, c = rotation * phi.cos(), rotation * phi.sin()
    p, q = reflection * chi.cos(), reflection * chi.sin()
    return torch.stack([a + p, q - c, q + c, a - p], dim=-1).unflatten(-1, (2, 2))


def jacobian_path(first: Tensor, last: Tensor, fraction: Tensor) -> Tensor:
    """Go from one Jacobian to another without the determinant changing its sign.

    With last first^-1 = R(phi) S (polar decomposition), the path is R(t phi) exp(t log S) first. Between
    Jacobians of opposite orientation every path meets a singular one: there the nearer end is held. Both ends
    are exact.

    Args:
        first: (..., 2, 2).
        last: (..., 2, 2).
        fraction: t in [0, 1], broadcast against the leading axes.

    Returns:
        (..., 2, 2).
    """
    change = last @ inverse_2x2(first).to(first.dtype)
    rotation, phi, reflection, chi = _split(change)
    large, small = rotation + reflection, rotation - reflection
    tiny = torch.finfo(change.dtype).tiny
    large_t, small_t = large.clamp_min(tiny) ** fraction, small.clamp_min(tiny) ** fraction
    symmetric = _join((large_t + small_t) / 2, torch.zeros_like(phi), (large_t - small_t) / 2, chi - phi)
    turn = _join(torch.ones_like(phi), fraction * phi, torch.zeros_like(phi), torch.zeros_like(phi))
    between = turn @ symmetric @ first
    nearer = torch.where((fraction < 0.5)[..., None, None], first, last)
    is_path = (small > tiny) & (fraction > 0) & (fraction < 1)  # at the ends rounding would leave a trace
    return torch.where(is_path[..., None, None], between, nearer)


def limit_stretch(matrix: Tensor, low: float = 0.25, high: float = 4.0) -> tuple[Tensor, Tensor]:
    """Bring singular values into [low, high] and the determinant above zero; what fits is left as it is.

    Args:
        matrix: (..., 2, 2), finite.
        low: smallest singular value allowed, above 0.
        high: largest.

    Returns:
        The matrices (..., 2, 2), bit-identical where nothing had to be done, and (...) bool: touched.
    """
    rotation, phi, reflection, chi = _split(matrix)
    large, small = rotation + reflection, rotation - reflection  # small is signed as the determinant
    touched = (small < low) | (large > high)
    large, small = large.clamp(low, high), small.clamp(low, high)
    limited = _join((large + small) / 2, phi, (large - small) / 2, chi)
    return torch.where(touched[..., None, None], limited, matrix), touched
