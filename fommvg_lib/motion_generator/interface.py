"""What every motion generator offers: complete a motion of which some frames are known.

Video prediction knows frame 0, frame interpolation the first and the last. Vectors are raw: the order and
units of `Motion.vectors()`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class MotionGenerator(Protocol):
    """The interface of DESIGN section 3."""

    kind: str
    num_dims: int
    fps: float | None
    frame_generator_hash: str | None

    def supports(self, known: Tensor) -> bool:
        """Say whether a pattern of known frames (B, T) bool can be completed."""
        ...

    def complete(self, motion: Tensor, known: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Fill in the unknown frames.

        Args:
            motion: (B, T, D), raw units; unknown frames are ignored (they may be NaN).
            known: (B, T) bool.
            num_samples: S.
            generator: source of all randomness, on the CPU.

        Returns:
            (S, B, T, D), raw units; known frames come back untouched.

        Raises:
            ValueError: if `supports(known)` is false or shapes disagree.
        """
        ...
