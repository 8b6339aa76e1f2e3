"""Noise with a memory, for recurrent motion generators.

White noise makes a recurrence tremble until it has learned to average it. Here every channel is an
Ornstein-Uhlenbeck process, that is white noise seen through a one-pole low-pass filter, of unit variance at
every frame; channels differ in how long they remember. (Our choice; the published noise is white.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CHUNK = 64
"""Frames that one matrix product filters; longer noise takes several."""


class NoiseMemory(nn.Module):
    """Filters white noise over time.

    Args:
        noise_dim: n, channels.
        frames: time constants in frames, dealt out to the channels in turn; 0 is white.
    """

    def __init__(self, noise_dim: int, frames: Sequence[float]) -> None:
        super().__init__()
        dealt = torch.tensor([frames[index % len(frames)] for index in range(noise_dim)], dtype=torch.float64)
        self.register_buffer("kept", torch.exp(-1 / dealt.clamp_min(1e-3)).float(), persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        """Filter white noise (B, T, n): e_0 as it is, e_t = a e_{t-1} + sqrt(1 - a^2) noise_t."""
        fresh = (1 - self.kept.square()).sqrt()
        driven = torch.cat([noise[:, :1], noise[:, 1:] * fresh], dim=1)
        made: list[Tensor] = []
        for part in driven.split(CHUNK, dim=1):
            time = torch.arange(part.shape[1], device=noise.device)
            age = time[:, None] - time  # (t, s)
            weights = self.kept[:, None, None] ** age.clamp_min(0) * (age >= 0)  # (n, t, s)
            filtered = torch.einsum("nts,bsn->btn", weights, part)
            if made:
                filtered = filtered + made[-1][:, -1:] * self.kept ** (time[:, None] + 1)
            made.append(filtered)
        return torch.cat(made, dim=1)
