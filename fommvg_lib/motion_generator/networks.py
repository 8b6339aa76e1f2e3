"""The small networks of the motion generators.

`Published...` have the published layers; their LSTM cells are one fused `nn.LSTM` here, because all noise is
known in advance. `PredictionNetwork` and `InterpolationNetwork` are our corrected forms: they give the
coefficients of a displacement which is zero at every known frame by construction. (B, T, ...) throughout.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.clamped import clamped_differences, clamped_path
from fommvg_lib.motion_generator.noise_memory import NoiseMemory

SLOPE = 0.2


class MLP(nn.Module):
    """Linear layers with leaky ReLU (0.2) between; state names `layers.0`, `layers.2`, ... as published."""

    def __init__(self, num_in: int, num_hidden: int, num_out: int, num_layers: int = 3) -> None:
        super().__init__()
        sizes = [num_in] + [num_hidden] * (num_layers - 1) + [num_out]
        layers: list[nn.Module] = []
        for index in range(num_layers):
            layers.append(nn.Linear(sizes[index], sizes[index + 1]))
            layers.append(nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., num_in) to (..., num_out)."""
        return self.layers(x)


class PublishedPrediction(nn.Module):
    """VP as published: noise drives an LSTM that starts from x_0; PCA coefficients of differences come out.

    Source: FOMMVG release; names of its parts: ench, encc, frnn, pred.
    """

    def __init__(
        self, num_dims: int, num_kp: int, noise_dim: int = 32, hidden_dim: int = 32, num_components: int = 30
    ):
        super().__init__()
        self.num_dims, self.noise_dim, self.num_values = num_dims, noise_dim, 2 * num_kp
        self.ench = MLP(num_dims, hidden_dim, hidden_dim)
        self.encc = MLP(num_dims, hidden_dim, hidden_dim)
        self.frnn = nn.LSTM(noise_dim, hidden_dim, batch_first=True)
        self.pred = MLP(hidden_dim, num_components, num_components, 2)
        self.register_buffer("components", torch.zeros(num_components, num_dims))
        self.register_buffer("stdev", torch.ones(num_components))

    def coefficients(self, x0: Tensor, noise: Tensor) -> Tensor:
        """Give the PCA coefficients (B, T, C) for a first frame (B, D) and noise (B, T, n)."""
        hidden, _ = self.frnn(noise, (self.ench(x0)[None], self.encc(x0)[None]))
        return self.pred(hidden)

    def rollout(self, x0: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Generate (B, T + 1, D) with frame 0 = x_0; every step is clamped to [-1, 1] (values only).

        Returns:
            The motion and its coefficients (B, T, C).
        """
        coefficients = self.coefficients(x0, noise)
        return clamped_path(x0, coefficients @ self.components, self.num_values), coefficients

    def residual(self, x0: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Give the differences (B, T, D) of `rollout`, and its coefficients."""
        coefficients = self.coefficients(x0, noise)
        return clamped_differences(x0, coefficients @ self.components, self.num_values), coefficients


class PublishedInterpolation(nn.Module):
    """FI as published: a forward LSTM from x_0 and a backward one from x_1, same noise; absolute frames.

    Source: FOMMVG release; names of its parts: E, frnn, brnn, pred.
    """

    def __init__(self, num_dims: int, num_kp: int, noise_dim: int = 100, hidden_dim: int = 100) -> None:
        super().__init__()
        self.num_dims, self.num_kp, self.noise_dim = num_dims, num_kp, noise_dim
        self.E = MLP(num_dims, 2 * hidden_dim, 2 * hidden_dim)
        self.frnn = nn.LSTM(noise_dim, hidden_dim, batch_first=True)
        self.brnn = nn.LSTM(noise_dim, hidden_dim, batch_first=True)
        self.pred = MLP(2 * hidden_dim, num_dims, num_dims)
        for layer in self.pred.layers:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, x0: Tensor, x1: Tensor, noise: Tensor) -> Tensor:
        """Generate (B, T + 2, D): x_0, T frames for noise (B, T, n), x_1."""
        start, end = _state(self.E(x0)), _state(self.E(x1))
        ahead, _ = self.frnn(noise, start)
        back, _ = self.brnn(noise.flip(1), end)
        inner = self.pred(torch.cat([ahead, back.flip(1)], dim=-1))
        return torch.cat([x0[:, None], inner, x1[:, None]], dim=1)


def _state(encoded: Tensor) -> tuple[Tensor, Tensor]:
    hidden, cell = encoded.chunk(2, dim=-1)
    return hidden[None].contiguous(), cell[None].contiguous()


class PredictionNetwork(nn.Module):
    """VP, corrected: coefficients of the displacement from frame 0 as g(h_t) - g(h_0).

    The states h_t of an LSTM are bounded, so the displacement is: it cannot drift out; and it is driven by
    noise at every step, so it cannot freeze. The start state depends on frame 0 and on noise of its own. With
    time constants in `noise_memory` the noise is not white (`NoiseMemory`).
    """

    def __init__(
        self,
        num_dims: int,
        num_components: int,
        noise_dim: int,
        hidden_dim: int,
        num_layers: int,
        noise_memory: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.noise_dim, self.num_layers = noise_dim, num_layers
        self.memory = NoiseMemory(noise_dim, noise_memory) if noise_memory else nn.Identity()
        self.encode = MLP(num_dims + noise_dim, 2 * hidden_dim, 2 * hidden_dim * num_layers)
        self.rnn = nn.LSTM(noise_dim, hidden_dim, num_layers, batch_first=True)
        self.decode = MLP(hidden_dim, 2 * hidden_dim, num_components, 2)

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Give coefficients (B, T, C), zero at frame 0, for frame 0 (B, D) and noise (B, T, n)."""
        noise = self.memory(noise)
        encoded = self.encode(torch.cat([condition, noise[:, 0]], dim=-1))
        hidden, cell = encoded.unflatten(-1, (2, self.num_layers, -1)).permute(1, 2, 0, 3).contiguous()
        states, _ = self.rnn(noise[:, 1:], (hidden.tanh(), cell))
        drawn = self.decode(torch.cat([hidden[-1].tanh()[:, None], states], dim=1))
        return drawn - drawn[:, :1]


class InterpolationNetwork(nn.Module):
    """FI, corrected: coefficients of the departure from the straight path, zero at both ends.

    Two LSTMs run from the two ends over the same noise; their output g_t less the straight path between
    g_0 and g_{T-1} is the departure, which therefore vanishes at the ends and behaves alike everywhere else.
    With time constants in `noise_memory` the noise is not white (`NoiseMemory`).
    """

    def __init__(
        self,
        num_dims: int,
        num_components: int,
        noise_dim: int,
        hidden_dim: int,
        noise_memory: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        self.memory = NoiseMemory(noise_dim, noise_memory) if noise_memory else nn.Identity()
        self.encode = MLP(2 * num_dims + 1, 2 * hidden_dim, 4 * hidden_dim)
        self.ahead = nn.LSTM(noise_dim + 2, hidden_dim, batch_first=True)
        self.back = nn.LSTM(noise_dim + 2, hidden_dim, batch_first=True)
        self.decode = MLP(2 * hidden_dim, 2 * hidden_dim, num_components, 2)

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Give coefficients (B, T, C) for both ends (B, 2D) and noise (B, T, n) for all T frames."""
        noise, (batch, num_frames) = self.memory(noise), noise.shape[:2]
        fraction = torch.linspace(0, 1, num_frames, device=noise.device, dtype=noise.dtype)
        pace = torch.full_like(fraction, 10.0 / num_frames)  # how much of the way a frame goes
        clock = torch.stack([fraction, pace], dim=-1).expand(batch, -1, -1)  # (B, T, 2)
        encoded = self.encode(torch.cat([condition, clock[:, 0, 1:]], dim=-1))
        start, end = (_state(part) for part in encoded.chunk(2, dim=-1))
        driven = torch.cat([noise, clock], dim=-1)
        ahead, _ = self.ahead(driven, start)
        back, _ = self.back(driven.flip(1), end)
        drawn = self.decode(torch.cat([ahead, back.flip(1)], dim=-1))  # (B, T, C)
        straight = torch.lerp(drawn[:, :1], drawn[:, -1:], fraction[:, None])
        return (drawn - straight) * _inner(num_frames, noise)


def _inner(num_frames: int, like: Tensor) -> Tensor:
    """Give (T, 1): 1 inside, exactly 0 at the ends, where rounding would leave a trace."""
    mask = torch.ones(num_frames, 1, dtype=like.dtype, device=like.device)
    mask[0] = mask[-1] = 0
    return mask


class TemporalCritic(nn.Module):
    """Scores stretches of motion: convolutions over time on scaled features with the condition at every step.

    Args:
        num_features: features of a frame.
        num_condition: features of the condition.
        width: channels.
        num_layers: convolutions of 5 frames with stride 2 after the first.
    """

    def __init__(self, num_features: int, num_condition: int, width: int, num_layers: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(num_features + num_condition, width, 3, padding=1)]
        for _ in range(num_layers):
            layers += [nn.LeakyReLU(SLOPE), nn.Conv1d(width, width, 5, stride=2, padding=2)]
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(SLOPE), nn.Conv1d(width, 1, 1))

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Score features (B, T, F) under a condition (B, G); (B, about T / 2^num_layers)."""
        tiled = condition[:, None].expand(-1, features.shape[1], -1)
        return self.layers(torch.cat([features, tiled], dim=-1).transpose(1, 2))[:, 0]


class SpanCritic(nn.Module):
    """Scores every run of consecutive differences of motion, all at once; optionally knows frame 0.

    With a span of 1 and no condition it is the published critic of VP: three layers on one difference. Each
    longer run is one input of the first layer, a convolution over time.

    Args:
        num_features: numbers of a difference.
        num_condition: features of the condition; 0: none.
        width: of both hidden layers.
        span: consecutive differences in a run.
    """

    def __init__(self, num_features: int, num_condition: int, width: int, span: int) -> None:
        super().__init__()
        self.motion = nn.Conv1d(num_features, width, span)
        self.known = nn.Linear(num_condition, width, bias=False) if num_condition else None
        self.layers = nn.Sequential(
            nn.LeakyReLU(SLOPE), nn.Conv1d(width, width, 1), nn.LeakyReLU(SLOPE), nn.Conv1d(width, 1, 1)
        )

    def forward(self, differences: Tensor, condition: Tensor) -> Tensor:
        """Score differences (B, T, F), T at least the span, under a condition (B, G): (B, T - span + 1)."""
        seen = self.motion(differences.transpose(1, 2))
        if self.known is not None:
            seen = seen + self.known(condition)[..., None]
        return self.layers(seen)[:, 0]
