"""Following a flow from t = 0 to t = 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Field = Callable[[Tensor, float], Tensor]
"""Gives the velocity at (x, t)."""


def integrate(field: Field, start: Tensor, num_steps: int) -> Tensor:
    """Follow dx/dt = field(x, t) from t = 0 to 1 in equal steps of Heun's method (second order).

    Args:
        field: gives the velocity at (x, t); called twice a step.
        start: x at 0.
        num_steps: how many, at least 1.

    Raises:
        ValueError: if there is no step.
    """
    if num_steps < 1:
        raise ValueError(f"the flow needs at least 1 step, got {num_steps}")
    size, x = 1 / num_steps, start
    for step in range(num_steps):
        slope = field(x, step * size)
        x = x + size / 2 * (slope + field(x + size * slope, (step + 1) * size))
    return x
