"""The adversarial completer as published, step by step: GRU cells, and the critic's score of every frame.

The gradient penalty is that of the specification (one mix for each sequence); its second derivative goes
through the cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.wgan import PublishedWganGenerator, SequenceCritic
from tests.bench._plain_vp import cell_of


class PlainBothWays(nn.Module):
    """A bidirectional GRU of one layer as two cells; takes over the weights of a fused one."""

    def __init__(self, rnn: nn.GRU) -> None:
        super().__init__()
        self.ahead, self.back = cell_of(rnn), cell_of(rnn, "_l0_reverse")

    def forward(self, steps: list[Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
        """Give the states (B, 2H) at steps (B, F)."""
        ahead, back = self._run(self.ahead, steps), self._run(self.back, steps[::-1])[::-1]
        return [torch.cat(pair, dim=-1) for pair in zip(ahead, back, strict=True)]

    def _run(self, cell: nn.GRUCell, steps: list[Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
        state, states = steps[0].new_zeros(len(steps[0]), cell.hidden_size), []
        for step in steps:
            state = cell(step, state)
            states.append(state)
        return states


class PlainGenerator(nn.Module):
    """The published generator."""

    def __init__(self, network: PublishedWganGenerator) -> None:
        super().__init__()
        self.encode, self.decode, self.rnn = network.encode, network.decode, PlainBothWays(network.rnn)

    def forward(self, first: Tensor, last: Tensor, noise: Tensor) -> list[Tensor]:
        """Give T frames (B, D) one by one, for both ends (B, D) and noise (B, T, n)."""
        ends = self.encode(first), self.encode(last)
        states = self.rnn([torch.cat([drawn, *ends], dim=-1) for drawn in noise.unbind(dim=1)])
        return [self.decode(state).tanh() for state in states]


class PlainCritic(nn.Module):
    """The published critic."""

    def __init__(self, network: SequenceCritic) -> None:
        super().__init__()
        self.score, self.rnn = network.score, PlainBothWays(network.rnn)

    def forward(self, frames: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        """Give the mean score (B,) of sequences."""
        return torch.stack([self.score(state)[:, 0] for state in self.rnn(frames)]).mean(dim=0)


class PlainWganStep:
    """Losses, gradients and moves of a step, in the published order.

    Args:
        network: the generator.
        critic: it does not see the condition.
        rate: of both.
        constraint: "clip", before the optimiser's step, as published, with RMSprop; or "gp" with Adam.
    """

    def __init__(
        self, network: PublishedWganGenerator, critic: SequenceCritic, rate: float, constraint: str
    ) -> None:
        self.network, self.critic, self.constraint = PlainGenerator(network), PlainCritic(critic), constraint
        parts = [
            [parameter for parameter in part.parameters() if parameter.requires_grad]
            for part in (self.network, self.critic)
        ]
        self.optimizers = [self._optimizer(part, rate) for part in parts]

    def _optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        if self.constraint == "clip":
            return torch.optim.RMSprop(parameters, rate)
        return torch.optim.Adam(parameters, rate, (0.0, 0.9))

    def train_critic(
        self, real: Tensor, noise: Tensor, clip_value: float, weight_penalty: float, share_real: Tensor
    ) -> dict[str, float]:
        """Do the critic's part of a step; give its losses.

        Args:
            real: scaled sequences (B, T, D).
            noise: (B, T, n).
            clip_value: bound of the weights.
            weight_penalty: lambda.
            share_real: (B,), how much of the mixed sequences is real.
        """
        with torch.no_grad():
            fake = torch.stack(self.network(real[:, 0], real[:, -1], noise), dim=1)
        loss = self.critic(fake.unbind(dim=1)).mean() - self.critic(real.unbind(dim=1)).mean()
        terms = {"loss_D": loss}
        if self.constraint == "gp":
            terms["penalty"] = self._penalty(real, fake, share_real)
            loss = loss + weight_penalty * terms["penalty"]
        self.optimizers[1].zero_grad()
        loss.backward()
        if self.constraint == "clip":
            with torch.no_grad():
                for parameter in self.critic.parameters():
                    parameter.clamp_(-clip_value, clip_value)
        self.optimizers[1].step()
        return {name: term.item() for name, term in terms.items()}

    def _penalty(self, real: Tensor, fake: Tensor, share_real: Tensor) -> Tensor:
        share = share_real[:, None, None]
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        score = self.critic(mixed.unbind(dim=1)).sum()
        (gradient,) = torch.autograd.grad(score, mixed, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    def train_generator(self, real: Tensor, noise: Tensor) -> dict[str, float]:
        """Do the generator's part of a step; give its loss."""
        loss = -self.critic(self.network(real[:, 0], real[:, -1], noise)).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        return {"loss_G": loss.item()}
