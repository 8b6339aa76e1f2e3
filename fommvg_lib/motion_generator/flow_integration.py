"""Following a flow from noise at t = 0 to motion at t = 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

MIN_TIME_LEFT = 0.05

Field = Callable[[Tensor, float], Tensor]
"""Gives the velocity at (x, t)."""


def time_left(time: Tensor) -> Tensor:
    """Give 1 - t of times (B,) as (B, 1, 1), at least 0.05, so that no velocity is infinite."""
    return (1 - time).clamp_min(MIN_TIME_LEFT)[:, None, None]


def integrate(field: Field, start: Tensor, num_steps: int) -> Tensor:
    """Follow dx/dt = field(x, t) from t = 0 to 1: Heun's method, but for the last step, which is Euler's.

    At t = 1 the velocity of a flow from noise to motion is 0 / 0; Euler's last step does not ask for it.

    Args:
        field: gives the velocity at (x, t).
        start: x at 0.
        num_steps: equal steps, at least 1.

    Raises:
        ValueError: if there is no step.

    Source: Karras et al. 2022, Alg. 1 (Heun, last step Euler).
    """
    if num_steps < 1:
        raise ValueError(f"the flow needs at least 1 step, got {num_steps}")
    size, x = 1 / num_steps, start
    for step in range(num_steps):
        slope = field(x, step * size)
        if step + 1 < num_steps:
            slope = (slope + field(x + size * slope, (step + 1) * size)) / 2
        x = x + size * slope
    return x
