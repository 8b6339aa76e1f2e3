"""VP as published, written down straight from the specification: one time step after the other.

An LSTM cell, `pred`, the coefficients as a diagonal times the components and a clamp for every step; the
critic called on every difference; an Adam for each part, in torch's default form; a backward pass through
all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.networks import MLP, PublishedPrediction


def cell_of(rnn: nn.LSTM | nn.GRU, suffix: str = "_l0") -> nn.LSTMCell | nn.GRUCell:
    """Give the cell with the weights of one layer and direction of a fused network."""
    kind = nn.LSTMCell if isinstance(rnn, nn.LSTM) else nn.GRUCell
    cell = kind(rnn.input_size, rnn.hidden_size)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: getattr(rnn, name + suffix).detach().clone() for name in names})
    return cell


class PlainPrediction(nn.Module):
    """The published generator; takes over the weights of a fused one."""

    def __init__(self, network: PublishedPrediction) -> None:
        super().__init__()
        self.ench, self.encc, self.pred = network.ench, network.encc, network.pred
        self.frnn = cell_of(network.frnn)
        self.components, self.stdev = network.components, network.stdev

    def forward(self, x0: Tensor, noise: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give the T + 1 frames (B, D) one by one, and the coefficients (T, B, C)."""
        hidden, cell = self.ench(x0), self.encc(x0)
        frames, coefficients = [x0], []
        for drawn in noise.unbind(dim=1):
            hidden, cell = self.frnn(drawn, (hidden, cell))
            coefficients.append(self.pred(hidden))
            difference = (torch.diag_embed(coefficients[-1]) @ self.components).sum(dim=1)  # (B, D)
            frames.append((frames[-1] + difference).clamp(-1, 1))
        return frames, torch.stack(coefficients)


class PlainPredictionStep:
    """Losses, gradients and moves of a step, in the published order."""

    def __init__(self, network: PublishedPrediction, critic: MLP, rates: tuple[float, float]) -> None:
        self.network, self.critic = PlainPrediction(network), critic
        parts = (self.network.frnn, self.network.pred, self.network.ench, self.network.encc)
        self.generators = [torch.optim.Adam(part.parameters(), rates[0]) for part in parts]
        self.discriminator = torch.optim.Adam(critic.parameters(), rates[1])

    def __call__(
        self, x0: Tensor, real: Tensor, noises: tuple[Tensor, Tensor], num_scored: int, weight_lm: float
    ) -> dict[str, float]:
        """Do a step; give its losses.

        Args:
            x0: (B, D).
            real: (B, T + 1, D).
            noises: of the generator's and of the critic's half, (B, T, n) each.
            num_scored: D_len.
            weight_lm: of the moment term.
        """
        frames, coefficients = self.network(x0, noises[0])
        on_fake = [(self._judge(frames, index) - 1).square().mean() for index in range(num_scored)]
        loss, moments = sum(on_fake) / num_scored, self._moments(coefficients)
        for optimizer in self.generators:
            optimizer.zero_grad()
        (loss + weight_lm * moments).backward()
        for optimizer in self.generators:
            optimizer.step()
        with torch.no_grad():
            frames, _ = self.network(x0, noises[1])
        steps = real.unbind(dim=1)
        on_real = [(self._judge(steps, index) - 1).square().mean() for index in range(len(steps) - 1)]
        on_fake = [self._judge(frames, index).square().mean() for index in range(num_scored)]
        loss_real, loss_fake = sum(on_real) / len(on_real), sum(on_fake) / num_scored
        self.discriminator.zero_grad()
        (0.5 * (loss_real + loss_fake)).backward()
        self.discriminator.step()
        terms = {"loss_G": loss, "loss_vae": moments, "loss_D_real": loss_real, "loss_D_fake": loss_fake}
        return {name: term.item() for name, term in terms.items()}

    def _judge(self, frames: list[Tensor] | tuple[Tensor, ...], index: int) -> Tensor:
        return self.critic(frames[index + 1] - frames[index])

    def _moments(self, coefficients: Tensor) -> Tensor:
        """Give the published moment term: variance and deviation, taken for log-variances."""
        flat, stdev = coefficients.flatten(0, 1), self.network.stdev
        mean, variance = flat.mean(dim=0), flat.var(dim=0)
        spread = (variance.exp() + mean.square()) / (2 * stdev.exp())
        return ((stdev - variance) / 2 + spread - 0.5).sum()
