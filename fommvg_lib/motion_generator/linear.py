"""The trivial motion generator: straight lines between known frames, the nearest one held outside."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.jacobian import jacobian_path
from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator.patterns import check_request, has_known_frame, keep_known


class LinearMotion:
    """Completes any pattern with a known frame; all samples are equal. Fits every frame generator and rate.

    Between known frames values go linearly and Jacobians along `jacobian_path`, which keeps the sign of the
    determinant (a straight line between two Jacobians can pass through a singular one).

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
    """

    kind = "linear"

    def __init__(self, num_dims: int, num_kp: int) -> None:
        if num_dims not in (2 * num_kp, 6 * num_kp):
            raise ValueError(f"num_dims {num_dims} is neither 2K nor 6K for K = {num_kp}")
        self.num_dims, self.num_kp = num_dims, num_kp
        self.fps: float | None = None
        self.frame_generator_hash: str | None = None

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows a frame."""
        return has_known_frame(known)

    def complete(
        self, motion: Tensor, known: Tensor, num_samples: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """Fill in the unknown frames; see `MotionGenerator.complete`. Nothing is random here."""
        check_request(
            "linear", "at least one frame is known", self.supports(known), motion, known, self.num_dims
        )
        before, after, fraction = neighbours(known)
        first, last = (_gather(motion, index, self.num_kp) for index in (before, after))
        value = torch.lerp(first.value, last.value, fraction[..., None, None].to(motion.dtype))
        jacobian = None
        if first.jacobian is not None:
            jacobian = jacobian_path(first.jacobian, last.jacobian, fraction[..., None].to(motion.dtype))
        filled = Motion(value, jacobian).vectors()  # (B, T, D)
        return keep_known(filled.repeat(num_samples, 1, 1, 1), motion, known)


def _gather(motion: Tensor, index: Tensor, num_kp: int) -> Motion:
    taken = motion.gather(1, index[..., None].expand(-1, -1, motion.shape[-1]))
    return Motion.from_vectors(taken, num_kp)


def neighbours(known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give the known frames around each frame of (B, T) and where between them it stands, in [0, 1]."""
    num_frames = known.shape[1]
    time = torch.arange(num_frames, device=known.device).expand_as(known)
    before = torch.where(known, time, -1).cummax(dim=1).values
    after = torch.where(known, time, num_frames).flip(1).cummin(dim=1).values.flip(1)
    before, after = torch.where(before < 0, after, before), torch.where(after == num_frames, before, after)
    fraction = (time - before) / (after - before).clamp_min(1)
    return before, after, fraction.clamp(0, 1)
