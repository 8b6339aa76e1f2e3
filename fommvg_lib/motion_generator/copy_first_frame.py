"""The baseline that does nothing: the first frame, again and again."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.motion_generator.patterns import check_request, keep_known


class CopyFirstFrame:
    """Holds frame 0 wherever no other frame is known; all samples are equal.

    With only the first frame known this is what `LinearMotion` does too; with a known end it jumps there.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
    """

    kind = "copy-first-frame"

    def __init__(self, num_dims: int, num_kp: int) -> None:
        self.num_dims, self.num_kp = num_dims, num_kp
        self.fps: float | None = None
        self.frame_generator_hash: str | None = None

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows frame 0."""
        return known.shape[1] > 0 and bool(known[:, 0].all())

    def complete(
        self, motion: Tensor, known: Tensor, num_samples: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """Fill in the unknown frames; see `MotionGenerator.complete`. Nothing is random here."""
        check_request(
            self.kind, "the first frame is known", self.supports(known), motion, known, self.num_dims
        )
        held = motion[:, :1].expand_as(motion).repeat(num_samples, 1, 1, 1)
        return keep_known(held, motion, known)
