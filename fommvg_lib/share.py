"""Which part of a whole a process works on: one of N equal parts, counted from 0."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Share:
    """Part `index` of `count` equal parts.

    Raises:
        ValueError: unless 0 <= index < count.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse parts that do not exist."""
        if not 0 <= self.index < self.count:
            raise ValueError(f"share {self.index} of {self.count} does not exist")

    def bounds(self, total: int) -> tuple[int, int]:
        """Give start and stop of this part of `total` items.

        Raises:
            ValueError: if `total` cannot be divided into equal parts.
        """
        if total % self.count:
            raise ValueError(f"{total} items cannot be divided into {self.count} equal parts")
        size = total // self.count
        return self.index * size, (self.index + 1) * size

    def of(self, values: Tensor, dim: int = 0) -> Tensor:
        """Give this part of a tensor along `dim`."""
        start, stop = self.bounds(values.shape[dim])
        return values.narrow(dim, start, stop - start)

    def within(self, index: int, count: int) -> Share:
        """Divide this part again: give part `index` of `count` of it."""
        return Share(self.index * count + index, self.count * count)


WHOLE = Share()
"""All of it: what one process alone works on."""
