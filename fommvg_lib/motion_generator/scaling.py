"""The space our motion generators work in, fitted on the training set.

Representation of a motion seen from a known frame 0: values as they are, Jacobians as J_t J_0^-1 (DESIGN
section 3). What is generated is the displacement from frame 0 in that representation, each of the D numbers
divided by its spread; what is conditioned on is frame 0, centred and divided by its standard deviation.
The published (`legacy`) forms work on raw vectors and use none of this.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.jacobian import limit_stretch
from fommvg_lib.motion import Motion, inverse_2x2

MIN_SPREAD = 1e-4
STRETCH = (0.25, 4.0)


class MotionScaling(nn.Module):
    """Per-dimension scaling of the representation; its numbers are buffers and travel with the weights.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.

    Attributes:
        mean: (D,) of the representation.
        std: (D,) of the representation.
        spread: (D,) root mean square displacement from frame 0.
    """

    def __init__(self, num_dims: int, num_kp: int) -> None:
        super().__init__()
        if num_dims not in (2 * num_kp, 6 * num_kp):
            raise ValueError(f"num_dims {num_dims} is neither 2K nor 6K for K = {num_kp}")
        self.num_dims, self.num_kp = num_dims, num_kp
        self.register_buffer("mean", torch.zeros(num_dims))
        self.register_buffer("std", torch.ones(num_dims))
        self.register_buffer("spread", torch.ones(num_dims))

    def fit(self, windows: Tensor) -> None:
        """Set the scaling from training windows (N, T, D), raw; deviations count as at least 1e-4."""
        seen = self.represent(windows, windows[:, 0])
        moved = (seen - seen[:, :1])[:, 1:]
        self.mean.copy_(seen.mean(dim=(0, 1)))
        self.std.copy_(seen.std(dim=(0, 1)).clamp_min(MIN_SPREAD))
        self.spread.copy_(moved.square().mean(dim=(0, 1)).sqrt().clamp_min(MIN_SPREAD))

    def represent(self, motion: Tensor, reference: Tensor) -> Tensor:
        """See raw motion (B, T, D) from a frame (B, D): Jacobians become J_t J_0^-1, stretch limited."""
        if self.num_dims == 2 * self.num_kp:
            return motion
        parts = Motion.from_vectors(motion, self.num_kp)
        origin = Motion.from_vectors(reference[:, None], self.num_kp)
        relative, _ = limit_stretch(parts.jacobian @ inverse_2x2(origin.jacobian).to(motion.dtype), *STRETCH)
        return Motion(parts.value, relative).vectors()

    def restore(self, represented: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Undo `represent` for generated frames and keep them within what can be rendered.

        Values are clamped to [-1, 1]; relative Jacobians get det > 0 and singular values within [1/4, 4].

        Args:
            represented: (B, T, D).
            reference: (B, D), raw.

        Returns:
            Raw motion (B, T, D), and (B, T, K) bool: keypoints of which a value or Jacobian was touched.
        """
        parts = Motion.from_vectors(represented, self.num_kp)
        value = parts.value.clamp(-1, 1)
        touched = (value != parts.value).any(dim=-1)
        if parts.jacobian is None:
            return Motion(value).vectors(), touched
        relative, stretched = limit_stretch(parts.jacobian, *STRETCH)
        origin = Motion.from_vectors(reference[:, None], self.num_kp)
        return Motion(value, relative @ origin.jacobian).vectors(), touched | stretched

    def condition(self, represented: Tensor) -> Tensor:
        """Scale represented frames (..., D) to zero mean and unit deviation, for conditioning."""
        return (represented - self.mean) / self.std

    def displacement(self, represented: Tensor) -> Tensor:
        """Give the displacement from frame 0 of (B, T, D) in units of its spread."""
        return (represented - represented[:, :1]) / self.spread

    def displaced(self, origin: Tensor, displacement: Tensor) -> Tensor:
        """Undo `displacement` from the represented frame 0 (B, D)."""
        return origin[:, None] + displacement * self.spread
