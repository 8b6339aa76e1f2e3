"""What a metric gave: a number, or why there is none.

A metric whose weights or package are absent is "not available" with its reason; nothing else takes its place.
Wrong use (shapes, ranges) and damaged files are errors as everywhere, not outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


class NotAvailable(Exception):
    """A metric cannot be computed here, though nothing was used wrongly: one line with the reason."""


@dataclass(frozen=True)
class Outcome:
    """A metric's value or the reason why it has none: exactly one of them.

    Attributes:
        value: a number, perhaps infinite (PSNR of equal images), never NaN.
        reason: why there is none.
    """

    value: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        """Check that there is one or the other."""
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"an outcome has a value or a reason, got {self.value} and {self.reason!r}")
        if self.value is not None and math.isnan(self.value):
            raise ValueError("the value of a metric is NaN")
        if self.reason == "":
            raise ValueError("the reason why a metric is not available is empty")

    @property
    def is_available(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def to_dict(self) -> dict[str, float | str]:
        """Give plain values, for JSON, which has no infinity: {"value": ...} or {"not available": ...}."""
        if self.value is None:
            return {"not available": self.reason}
        return {"value": self.value if math.isfinite(self.value) else str(self.value)}

    def __str__(self) -> str:
        return f"not available: {self.reason}" if self.value is None else f"{self.value:.4g}"


def outcome_of(compute: Callable[[], float]) -> Outcome:
    """Compute a metric; where it is not available, keep the reason.

    Raises:
        ValueError: if the value is NaN, and whatever `compute` raises but `NotAvailable`.
    """
    try:
        return Outcome(float(compute()))
    except NotAvailable as missing:
        return Outcome(reason=str(missing))
