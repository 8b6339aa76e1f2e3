"""Convolutions beside a change of resolution, computed at the lower one.

FRGAN's blocks convolve nearest-upsampled maps and average-pool convolved ones; its dense decoder upsamples
every earlier output again at every level. Written out, most of that work is on repeated numbers. Here the
kernel is folded instead of the map being repeated: exact up to rounding, with a fraction of the products
(of 36 per low-resolution pixel and channel pair: 16 at a factor of 2; at a factor of 16, 36 of 2304).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

# An output row of a repeated map sees two rows of the low-resolution map, k - 1 and k or k and k + 1: for
# each kind of row, which taps of the 3-tap kernel fall on the upper and which on the lower of the two.
_FIRST, _MIDDLE, _LAST = (
    [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]],
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
)

SMALLEST_FOLDED = 16
"""Maps of so few pixels are upsampled after all: folding the kernel costs more than it saves."""


def conv_of_upsampled(x: Tensor, weight: Tensor, factor: int) -> Tensor:
    """Give `conv2d(upsample_nearest(x, factor), weight, padding=1)` without upsampling x.

    Args:
        x: (B, I, h, w).
        weight: (O, I, 3, 3).
        factor: 1, or an even number.

    Returns:
        (B, O, factor h, factor w).

    Raises:
        ValueError: for another factor.
    """
    if factor == 1:
        return F.conv2d(x, weight, padding=1)
    if factor < 1 or factor % 2:
        raise ValueError(f"factor must be 1 or even, got {factor}")
    if factor == 2 and x.shape[-2] * x.shape[-1] <= SMALLEST_FOLDED:
        return F.conv2d(F.interpolate(x, scale_factor=2), weight, padding=1)
    folds = _folds(factor > 2).to(weight)  # (P, 2, 3)
    kinds = len(folds)
    kernels = torch.einsum("pat,qbs,oits->pqoiab", folds, folds, weight)
    y = F.conv2d(x, kernels.flatten(0, 2), padding=1)  # (B, P P O, h + 1, w + 1)
    y = y.unflatten(1, (kinds, kinds, -1))  # (B, P, P, O, h + 1, w + 1)
    y = _spread(y, 1, 4, factor)  # (B, P, O, factor h, w + 1)
    return _spread(y, 1, 4, factor)  # (B, O, factor h, factor w)


def _spread(y: Tensor, kind_axis: int, axis: int, factor: int) -> Tensor:
    """Set the kinds of rows where they belong: first, middle ones, last, for each low-resolution row."""
    size = y.shape[axis] - 1
    first = y.select(kind_axis, 0).narrow(axis - 1, 0, size)
    last = y.select(kind_axis, -1).narrow(axis - 1, 1, size)
    between = []
    if factor > 2:
        between = [y.select(kind_axis, 1).narrow(axis - 1, 0, size)] * (factor - 2)
    return torch.stack([first, *between, last], dim=axis).flatten(axis - 1, axis)


@lru_cache(maxsize=2)
def _folds(with_middle: bool) -> Tensor:
    return torch.tensor([_FIRST, _MIDDLE, _LAST] if with_middle else [_FIRST, _LAST])


def pooled_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Give `avg_pool2d(conv2d(x, weight, bias, padding=1), 2)` as one convolution of stride 2.

    Args:
        x: (B, I, H, W), H and W even.
        weight: (O, I, 3, 3).
        bias: (O,).

    Returns:
        (B, O, H / 2, W / 2).
    """
    rows = 0.5 * (F.pad(weight, (0, 0, 0, 1)) + F.pad(weight, (0, 0, 1, 0)))  # (O, I, 4, 3)
    kernel = 0.5 * (F.pad(rows, (0, 1)) + F.pad(rows, (1, 0)))  # (O, I, 4, 4)
    return F.conv2d(x, kernel, bias, stride=2, padding=1)
