"""Where the time of a training step goes: the table of `--time-steps`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PARTS = ("data", "forward", "backward", "optimiser", "other")


class StepClock:
    """Sums wall time by part of the step; what no part claims is `other`.

    Args:
        device: a GPU is waited for at the end of each part, or its work would be charged to a later one.
        is_on: off, it measures nothing and waits for nothing.
        warm_up: first steps that do not count, as they compile and allocate.
    """

    def __init__(self, device: torch.device, is_on: bool, warm_up: int = 2) -> None:
        self._device, self._is_on, self._warm_up = device, is_on, warm_up
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._num_steps, self._began = -warm_up, 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Charge the block to a part."""
        if not self._is_on:
            yield
            return
        began = self._now()
        try:
            yield
        finally:
            self._seconds[name] += self._now() - began

    def next_step(self) -> None:
        """Begin the measurement anew after the warm-up, else count a step."""
        if not self._is_on:
            return
        self._num_steps += 1
        if self._num_steps <= 0:
            self._seconds = dict.fromkeys(PARTS, 0.0)
            self._began = self._now()

    def table(self) -> dict[str, float]:
        """Give milliseconds a step by part, in order; empty if nothing was measured."""
        if self._num_steps <= 0:
            return {}
        whole = self._now() - self._began
        other = whole - sum(self._seconds.values())
        seconds = {**self._seconds, "other": max(0.0, other)}
        return {name: 1000 * value / self._num_steps for name, value in seconds.items()}

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
