"""FI as published, written down straight from the specification: one time step after the other.

Two LSTM cells, `pred` and the noise recovery for every frame; the critic called on every pair of ends; six
Adam optimisers in torch's default form; a backward pass through all of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.motion_generator.networks import MLP, PublishedInterpolation
from tests.bench._plain_vp import cell_of


class PlainInterpolation(nn.Module):
    """The published generator; takes over the weights of a fused one."""

    def __init__(self, network: PublishedInterpolation) -> None:
        super().__init__()
        self.E, self.pred = network.E, network.pred
        self.frnn, self.brnn = cell_of(network.frnn), cell_of(network.brnn)

    def forward(self, x0: Tensor, x1: Tensor, noise: Tensor) -> list[Tensor]:
        """Give the T + 2 frames (B, D) one by one."""
        noises = noise.unbind(dim=1)
        ahead = self._run(self.frnn, self.E(x0), noises)
        back = self._run(self.brnn, self.E(x1), noises[::-1])[::-1]
        inner = [self.pred(torch.cat(pair, dim=-1)) for pair in zip(ahead, back, strict=True)]
        return [x0, *inner, x1]

    def _run(self, rnn: nn.LSTMCell, start: Tensor, noises: tuple[Tensor, ...]) -> list[Tensor]:
        state, states = start.chunk(2, dim=-1), []
        for drawn in noises:
            state = rnn(drawn, state)
            states.append(state[0])
        return states


class PlainInterpolationStep:
    """Losses, gradients and moves of a step, in the published order."""

    def __init__(self, network: PublishedInterpolation, recover: MLP, critic: MLP, rate: float) -> None:
        self.network, self.recover, self.critic = PlainInterpolation(network), recover, critic
        parts = (self.network.frnn, self.network.brnn, self.network.pred, self.network.E, recover)
        self.generators = [torch.optim.Adam(part.parameters(), rate) for part in parts]
        self.discriminator = torch.optim.Adam(critic.parameters(), rate)

    def __call__(
        self, ends: tuple[Tensor, Tensor], real: Tensor, noise: Tensor, num_scored: int, weight_lm: float
    ) -> dict[str, float]:
        """Do a step; give its losses.

        Args:
            ends: first and last frames (B, D).
            real: (B, L, D).
            noise: (B, L - 2, n).
            num_scored: D_len.
            weight_lm: of the noise recovery.
        """
        fake = self.network(*ends, noise)
        on_fake = [F.softplus(-self._judge(fake, i, is_detached=True)).mean() for i in range(num_scored)]
        loss, motion = sum(on_fake) / num_scored, self._recovery(fake[1:-1], noise.unbind(dim=1), num_scored)
        for optimizer in self.generators:
            optimizer.zero_grad()
        (loss + weight_lm * motion).backward()
        for optimizer in self.generators:
            optimizer.step()
        fake, truth = [frame.detach() for frame in fake], real.unbind(dim=1)
        on_real = [F.softplus(-self._judge(truth, index)).mean() for index in range(num_scored)]
        on_fake = [F.softplus(self._judge(fake, index)).mean() for index in range(num_scored)]
        loss_real, loss_fake = sum(on_real) / num_scored, sum(on_fake) / num_scored
        self.discriminator.zero_grad()
        (0.5 * (loss_real + loss_fake)).backward()
        self.discriminator.step()
        terms = {"loss_G": loss, "loss_motion": motion, "loss_D_real": loss_real, "loss_D_fake": loss_fake}
        return {name: term.item() for name, term in terms.items()}

    def _judge(
        self, frames: list[Tensor] | tuple[Tensor, ...], index: int, is_detached: bool = False
    ) -> Tensor:
        other = len(frames) - 1 - index
        places = torch.cat([frames[index], frames[other]], dim=-1)
        places = places.detach() if is_detached else places
        steps = [frames[index + 1] - frames[index], frames[other] - frames[other - 1]]
        return self.critic(torch.cat([places, *steps], dim=-1))

    def _recovery(self, inner: list[Tensor], noises: tuple[Tensor, ...], num_scored: int) -> Tensor:
        """Minus the mean cosine between noise and recovered noise, over the first and the last frames."""
        recovered = [self.recover(frame) for frame in inner]
        chosen = [*range(num_scored), *range(len(inner) - num_scored, len(inner))]
        cosines = [F.cosine_similarity(recovered[i], noises[i], dim=-1).mean() for i in chosen]
        return -sum(cosines) / len(cosines)
