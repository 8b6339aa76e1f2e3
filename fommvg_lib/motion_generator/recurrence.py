"""What the autoregressive completer is made of: its networks, rollouts, and how two rollouts become one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class PublishedRecurrence(nn.Module):
    """The published network: next frame from the last, by a bidirectional GRU called one step at a time.

    Called so, the backward direction looks at no later frame: it is a second chain beside the first. Both are
    single GRUs here, and a known sequence takes one call.
    """

    def __init__(self, num_dims: int, hidden_dim: int = 256) -> None:
        super().__init__()
        self.chains = nn.ModuleList(nn.GRU(num_dims, hidden_dim, batch_first=True) for _ in range(2))
        self.decode = nn.Linear(2 * hidden_dim, num_dims)

    def forward(self, frames: Tensor, states: State | None = None) -> tuple[Tensor, State]:
        """Give the next frames (B, T, D) after each of (B, T, D), scaled, and the states after them."""
        before = states or (None, None)
        runs = [chain(frames, state) for chain, state in zip(self.chains, before, strict=True)]
        hidden = torch.cat([hidden for hidden, _ in runs], dim=-1)
        return self.decode(hidden).tanh(), tuple(state for _, state in runs)


class Recurrence(nn.Module):
    """The corrected network of one direction: what to add to a displacement to get the next one."""

    def __init__(self, num_dims: int, hidden_dim: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(2 * num_dims, hidden_dim, batch_first=True)
        self.decode = nn.Linear(hidden_dim, num_dims)

    def forward(self, path: Tensor, condition: Tensor, states: State | None = None) -> tuple[Tensor, State]:
        """Give the next displacements (B, T, D) after (B, T, D), knowing frame 0 (B, D), and the state."""
        known = condition[:, None].expand(-1, path.shape[1], -1)
        hidden, state = self.rnn(torch.cat([path, known], dim=-1), states and states[0])
        return path + self.decode(hidden), (state,)


def rollout(step: Any, given: Tensor, num_new: int) -> Tensor:
    """Continue a sequence, each new frame fed back.

    Args:
        step: frames (B, T, D) and states or None to the next frames (B, T, D) and states.
        given: (B, P, D), P at least 1, taken in by one call.
        num_new: how many frames follow.

    Returns:
        (B, num_new, D).
    """
    made: list[Tensor] = []
    following, states = step(given, None)
    for _ in range(num_new):
        made.append(following[:, -1:])
        if len(made) < num_new:
            following, states = step(made[-1], states)
    return torch.cat(made, dim=1) if made else given[:, :0]


def join_rollouts(ahead: Tensor, back: Tensor) -> Tensor:
    """Take `ahead` before the frame where both differ least, and `back` from there on; (B, T, D) each.

    Source: CSE 291G project; its tail was wrong, see `autoregressive.py`.
    """
    meeting = (ahead - back).square().mean(dim=-1).argmin(dim=1)  # (B,)
    is_before = torch.arange(ahead.shape[1], device=ahead.device) < meeting[:, None]
    return torch.where(is_before[..., None], ahead, back)


def fade_rollouts(ahead: Tensor, back: Tensor) -> Tensor:
    """Go linearly from `ahead` to `back`, (B, T, D) each, over a gap of T frames between two known ones."""
    fraction = torch.linspace(0, 1, ahead.shape[1] + 2, device=ahead.device, dtype=ahead.dtype)[1:-1]
    return torch.lerp(ahead, back, fraction[:, None])
