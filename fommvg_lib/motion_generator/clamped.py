"""Motion summed up from its differences, each step clamped: x_{t+1} = clamp(x_t + d_t, -1, 1).

Source: FOMMVG release, rollout of VP.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def clamped_path(x0: Tensor, differences: Tensor, num_values: int) -> Tensor:
    """Sum differences onto a first frame; every step is clamped to [-1, 1] (values only).

    Args:
        x0: (B, D).
        differences: (B, T, D).
        num_values: how many of the D numbers are values, which come first; Jacobians may leave the range.

    Returns:
        (B, T + 1, D) with frame 0 = x_0.
    """
    return _ClampedSum.apply(x0, differences, num_values, False)


def clamped_differences(x0: Tensor, differences: Tensor, num_values: int) -> Tensor:
    """Give the differences (B, T, D) of `clamped_path`: those that were asked for, but where it clamps."""
    return _ClampedSum.apply(x0, differences, num_values, True)


class _ClampedSum(torch.autograd.Function):
    """The path, or its differences, with their derivative written out.

    Autograd would keep five small operations for each step. With f_t = 1 where step t is free (not clamped)
    and 0 elsewhere, x_{t+1} = f_t (x_t + d_t) +- (1 - f_t); so a gradient of x_{t+1}, times f_t, is that of
    d_t, and goes on to x_t. As in `torch.clamp`, the bounds themselves are free.
    """

    @staticmethod
    def forward(
        ctx: Any, x0: Tensor, differences: Tensor, num_values: int, gives_differences: bool
    ) -> Tensor:
        path = torch.cat([x0[:, None], differences], dim=1)
        frames, values = path.unbind(dim=1), path[..., :num_values].unbind(dim=1)
        for step in range(1, len(frames)):
            frames[step].add_(frames[step - 1])
            values[step].clamp_(-1, 1)
        ctx.save_for_backward(path, differences)
        ctx.num_values, ctx.gives_differences = num_values, gives_differences
        return path.diff(dim=1) if gives_differences else path

    @staticmethod
    def backward(ctx: Any, wanted: Tensor) -> tuple[Tensor, Tensor, None, None]:
        path, differences = ctx.saved_tensors
        given = wanted if ctx.gives_differences else wanted[:, 1:]
        gradient, carried = torch.empty_like(differences), torch.zeros_like(path[:, 0])
        for step in reversed(range(differences.shape[1])):
            current = given[:, step]
            carried = torch.add(carried, current)
            moved = torch.add(path[:, step], differences[:, step])[:, : ctx.num_values]
            carried[:, : ctx.num_values].mul_(moved.abs_().le_(1))  # 1 where it is free
            gradient[:, step] = carried
            if ctx.gives_differences:  # x_{t+1} - x_t
                carried = carried - current
        return carried if ctx.gives_differences else carried + wanted[:, 0], gradient, None, None
