"""One training step of video prediction at batch 300, T 16, D 100: fused against step by step.

The plain side is the loop that the specification describes: an LSTM cell, `pred`, coefficients on a
diagonal times the components and a clamp for every time step, the critic called on every difference, four
Adam optimisers. Both sides start from the same weights and noise; their losses are compared before the
times are.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.networks import MLP, PublishedPrediction
from fommvg_lib.motion_losses import moment_matching, vp_discriminator_terms, vp_generator_terms

BATCH, NUM_FRAMES, NUM_DIMS, NOISE, NUM_SCORED = 300, 16, 100, 32, 15
RATES = {"generator": 5e-5, "critic": 1e-3}
REPEATS = 15


class PlainStep:
    """The training step, one time step after the other."""

    def __init__(self, network: PublishedPrediction, critic: MLP) -> None:
        self.parts = nn.ModuleDict({name: getattr(network, name) for name in ("ench", "encc", "pred")})
        cell = nn.LSTMCell(network.frnn.input_size, network.frnn.hidden_size)
        cell.load_state_dict({name.removesuffix("_l0"): t for name, t in network.frnn.state_dict().items()})
        self.parts["frnn"] = cell
        self.components, self.stdev, self.critic = network.components, network.stdev, critic
        adam = {"betas": (0.9, 0.999)}
        self.generators = [
            torch.optim.Adam(p.parameters(), RATES["generator"], **adam) for p in self.parts.values()
        ]
        self.discriminator = torch.optim.Adam(critic.parameters(), RATES["critic"], **adam)

    def rollout(self, x0: Tensor, noise: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give the frames one by one, and the coefficients."""
        hidden, cell = self.parts["ench"](x0), self.parts["encc"](x0)
        frames, coefficients = [x0], []
        for step in range(noise.shape[1]):
            hidden, cell = self.parts["frnn"](noise[:, step], (hidden, cell))
            drawn = self.parts["pred"](hidden)
            spread = torch.diag_embed(drawn) @ self.components  # (B, C, D)
            frames.append((frames[-1] + spread.sum(dim=1)).clamp(-1, 1))
            coefficients.append(drawn)
        return frames, torch.stack(coefficients)

    def __call__(self, x0: Tensor, real: Tensor, noise_g: Tensor, noise_d: Tensor) -> tuple[float, float]:
        """Do a step; give the generator's and the critic's loss."""
        frames, coefficients = self.rollout(x0, noise_g)
        scores = [self.critic(frames[i + 1] - frames[i]) for i in range(NUM_SCORED)]
        flat = coefficients.flatten(0, 1)
        moments = moment_matching(flat.mean(dim=0), flat.var(dim=0), self.stdev, "legacy")
        loss_g = sum((score - 1).square().mean() for score in scores) / NUM_SCORED + 0.5 * moments
        for optimizer in self.generators:
            optimizer.zero_grad()
        loss_g.backward()
        for optimizer in self.generators:
            optimizer.step()
        with torch.no_grad():
            frames, _ = self.rollout(x0, noise_d)
        num_real = real.shape[1] - 1
        on_real = [(self.critic(real[:, i + 1] - real[:, i]) - 1).square().mean() for i in range(num_real)]
        on_fake = [self.critic(frames[i + 1] - frames[i]).square().mean() for i in range(NUM_SCORED)]
        loss_d = 0.5 * (sum(on_real) / num_real + sum(on_fake) / NUM_SCORED)
        self.discriminator.zero_grad()
        loss_d.backward()
        self.discriminator.step()
        return loss_g.item(), loss_d.item()


class FusedStep:
    """The training step as the library does it (legacy form)."""

    def __init__(self, network: PublishedPrediction, critic: MLP) -> None:
        self.network, self.critic = network, critic
        adam = {"betas": (0.9, 0.999), "fused": True}
        self.generator = torch.optim.Adam(network.parameters(), RATES["generator"], **adam)
        self.discriminator = torch.optim.Adam(critic.parameters(), RATES["critic"], **adam)

    def __call__(self, x0: Tensor, real: Tensor, noise_g: Tensor, noise_d: Tensor) -> tuple[float, float]:
        """Do a step; give the generator's and the critic's loss."""
        terms = vp_generator_terms(self.network, self.critic, x0, noise_g, NUM_SCORED, 0.5)
        self.generator.zero_grad()
        terms["total"].backward()
        self.generator.step()
        scored = vp_discriminator_terms(self.network, self.critic, real, x0, noise_d, NUM_SCORED)
        self.discriminator.zero_grad()
        scored["total"].backward()
        self.discriminator.step()
        return terms["total"].item(), scored["total"].item()


def measure(repeats: int = REPEATS) -> dict[str, float]:
    """Time both sides in turn; print the figures, one a line, and give them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = PublishedPrediction(NUM_DIMS, NUM_DIMS // 2, NOISE, 32, 30)
    network.components.copy_(torch.linalg.qr(torch.randn(NUM_DIMS, 30)).Q.T)
    network.stdev.copy_(torch.linspace(0.03, 0.002, 30))
    critic = MLP(NUM_DIMS, NUM_DIMS // 2, 1)
    plain, fused = PlainStep(*copy.deepcopy((network, critic))), FusedStep(network, critic)
    x0, real = 0.5 * torch.rand(BATCH, NUM_DIMS), 0.5 * torch.rand(BATCH, NUM_FRAMES, NUM_DIMS)
    times: dict[str, list[float]] = {"plain": [], "fused": []}
    difference = 0.0
    for _ in range(repeats):
        noise = torch.randn(2, BATCH, NUM_FRAMES - 1, NOISE)
        losses = [
            _timed(step, times[name], x0, real, *noise) for name, step in (("plain", plain), ("fused", fused))
        ]
        difference = max(difference, *(abs(a - b) for a, b in zip(*losses, strict=True)))
    best = {name: 1000 * min(values) for name, values in times.items()}
    figures = {
        "vp_step_ms": best["fused"],
        "vp_step_plain_ms": best["plain"],
        "vp_step_speed": best["plain"] / best["fused"],
        "vp_step_loss_difference": difference,
    }
    where = f"batch {BATCH}, T {NUM_FRAMES}, D {NUM_DIMS}, one thread, best of {repeats}"
    print(f"vp_step_ms: {figures['vp_step_ms']:.1f} (fused; {where})")
    print(f"vp_step_plain_ms: {figures['vp_step_plain_ms']:.1f} (step by step; {where})")
    print(f"vp_step_speed: {figures['vp_step_speed']:.2f} (step by step over fused; wanted at least 3)")
    print(
        f"vp_step_loss_difference: {difference:.1e} (largest between the two over {repeats} training steps)"
    )
    return figures


def _timed(
    step: Callable[..., tuple[float, float]], times: list[float], *inputs: Tensor
) -> tuple[float, float]:
    begin = time.perf_counter()
    losses = step(*inputs)
    times.append(time.perf_counter() - begin)
    return losses


if __name__ == "__main__":
    measure()
