"""The scalings of the published completers: minimum and maximum of the training set, brought to [-1, 1].

Both are kept as they were but for one thing: they are fitted on the training set alone (the published
autoregressive one also saw the test set). What lies outside of what was fitted is not clamped.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MIN_RANGE = 1e-6


class JacobianRange(nn.Module):
    """One minimum and one maximum for all Jacobian entries; values stay as they are (published WGAN).

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K; of 2K numbers none is scaled.
    """

    def __init__(self, num_dims: int, num_kp: int) -> None:
        super().__init__()
        self.num_values = 2 * num_kp
        self.has_jacobian = num_dims > self.num_values
        self.register_buffer("low", torch.tensor(-1.0))
        self.register_buffer("high", torch.tensor(1.0))

    def fit(self, vectors: Tensor) -> None:
        """Set the range from training frames (..., D)."""
        if self.has_jacobian:
            low, high = vectors[..., self.num_values :].aminmax()
            self.low.copy_(low)
            self.high.copy_(torch.maximum(high, low + MIN_RANGE))

    def scale(self, vectors: Tensor) -> Tensor:
        """Bring raw (..., D) to [-1, 1]."""
        values, jacobians = vectors[..., : self.num_values], vectors[..., self.num_values :]
        return torch.cat([values, 2 * (jacobians - self.low) / (self.high - self.low) - 1], dim=-1)

    def restore(self, scaled: Tensor) -> Tensor:
        """Undo `scale`."""
        values, jacobians = scaled[..., : self.num_values], scaled[..., self.num_values :]
        return torch.cat([values, (jacobians + 1) / 2 * (self.high - self.low) + self.low], dim=-1)


class FrameRange(nn.Module):
    """A minimum and a maximum for each frame number and dimension (published autoregressive model).

    Windows therefore have the length that was fitted. Its vectors are ordered [jacobians | values].

    Args:
        num_frames: T.
        num_dims: D, 2K or 6K.
        num_kp: K.
    """

    def __init__(self, num_frames: int, num_dims: int, num_kp: int) -> None:
        super().__init__()
        self.num_values = 2 * num_kp
        self.register_buffer("low", -torch.ones(num_frames, num_dims))
        self.register_buffer("high", torch.ones(num_frames, num_dims))

    def fit(self, windows: Tensor) -> None:
        """Set the ranges from training windows (N, T, D), raw."""
        low, high = self._turned(windows, self.num_values).aminmax(dim=0)
        self.low.copy_(low)
        self.high.copy_(torch.maximum(high, low + MIN_RANGE))

    def scale(self, windows: Tensor) -> Tensor:
        """Bring raw windows (B, T, D), [values | jacobians], to [-1, 1], [jacobians | values]."""
        return 2 * (self._turned(windows, self.num_values) - self.low) / (self.high - self.low) - 1

    def restore(self, scaled: Tensor) -> Tensor:
        """Undo `scale`."""
        raw = (scaled + 1) / 2 * (self.high - self.low) + self.low
        return self._turned(raw, raw.shape[-1] - self.num_values)

    @staticmethod
    def _turned(vectors: Tensor, num_first: int) -> Tensor:
        """Exchange the first numbers of (..., D) and the rest."""
        return torch.cat([vectors[..., num_first:], vectors[..., :num_first]], dim=-1)
