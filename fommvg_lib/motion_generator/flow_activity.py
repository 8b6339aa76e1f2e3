"""How lively a window of motion is, component by component, and how lively it may be, given what is known.

Some clips are calm and some are not; all draws of a Gaussian process move alike. So each component of a
window has an activity, the logarithm of its root-mean-square speed over that of the training set, and the
process is scaled by it (a scale mixture of Gaussian processes). Activities of one window hang together: they
are drawn from a normal distribution, conditioned on what neighbouring known frames show of them. Source:
Wainwright and Simoncelli 2000 (Gaussian scale mixtures).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

LEAST_SPEED = 0.1
"""Added to the relative speed, in squares: a component that stands still has a logarithm too."""
STILL = 0.05
"""Speed over the mean of all components below which what moves is rounding."""
LEAST_DOUBT = 1e-3
"""Variance that is never missing from what known frames show."""
BASE_STEPS = 15
"""Steps between frames over which the covariance of activities is measured."""


class Activity(nn.Module):
    """Activities of motion in the components of a `MotionPrior`; its numbers are buffers.

    Args:
        num_dims: D.
        longest: frames of the longest window.

    Attributes:
        steps: (L,), numbers of steps for which the following are known: 1, 2, 4 and so on.
        speed: (D,), root-mean-square speed of the components, per frame.
        mean: (L, D), of activities over so many steps.
        most: (L, D), of which one window in a hundred has more; no draw has.
        size: (L,), variance over that of `BASE_STEPS`.
        doubt: (L,), variance with which so many steps show the activity of the longest window.
        covariance: (D, D), over `BASE_STEPS`.
    """

    def __init__(self, num_dims: int, longest: int) -> None:
        super().__init__()
        count = (longest - 1).bit_length() + 1
        self.register_buffer("steps", (2 ** torch.arange(count)).clamp_max(longest - 1), persistent=False)
        self.register_buffer("speed", torch.ones(num_dims))
        self.register_buffer("mean", torch.zeros(count, num_dims))
        self.register_buffer("most", torch.zeros(count, num_dims))
        self.register_buffer("size", torch.zeros(count))
        self.register_buffer("doubt", torch.ones(count))
        self.register_buffer("covariance", torch.eye(num_dims))

    def fit(self, components: Tensor) -> None:
        """Measure windows (N, T, D) as long as the longest."""
        speeds = components.detach().double().diff(dim=1)
        speed = speeds.square().mean(dim=(0, 1)).sqrt()
        self.speed.copy_(speed.clamp_min(STILL * speed.mean().item()))
        whole, base = self._measure(speeds), self._pieces(speeds, min(BASE_STEPS, speeds.shape[1]))
        covariance = base.flatten(0, 1).T.cov()
        for place, steps in enumerate(self.steps.tolist()):
            pieces = self._pieces(speeds, steps)
            self.mean[place] = pieces.mean(dim=(0, 1))
            self.most[place] = torch.from_numpy(np.quantile(pieces.flatten(0, 1), 0.99, axis=0))
            self.size[place] = pieces.flatten(0, 1).var(dim=0).mean() / covariance.diagonal().mean()
            self.doubt[place] = LEAST_DOUBT + (pieces - whole[:, None]).flatten(0, 1).var(dim=0).mean()
        self.covariance.copy_(covariance)

    def measure(self, components: Tensor) -> Tensor:
        """Give the activities (B, D) of windows (B, T, D)."""
        return self._measure(components.diff(dim=1))

    def draw(self, components: Tensor, known: Tensor, noise: Tensor, before: Tensor | None = None) -> Tensor:
        """Draw activities of windows.

        Args:
            components: (B, T, D); only known frames count.
            known: (T,) bool.
            noise: (B, D) of N(0, 1).
            before: (B, D), activities drawn for the window before, whose end is what is known of this one.
                They stand for what that end shows: were it measured, a little too much life in what is made
                would grow from window to window.

        Returns:
            (B, D).
        """
        mean = self._at(self.mean, len(known) - 1)
        covariance = self.covariance.double() * self._at(self.size, len(known) - 1)
        is_seen = known[1:] & known[:-1]
        steps = int(is_seen.sum())
        if steps:
            shown = self._measure(components.diff(dim=1)[:, is_seen]) - self._at(self.mean, steps)
            shown = shown if before is None else before - mean
            doubt = self._at(self.doubt, steps) * torch.eye(len(covariance)).to(covariance)
            gain = torch.linalg.solve(covariance + doubt, covariance)  # (D, D), transposed
            mean, covariance = mean + shown.double() @ gain, covariance - covariance @ gain
        values, vectors = torch.linalg.eigh((covariance + covariance.mT) / 2)
        drawn = mean + noise.double() * values.clamp_min(0).sqrt() @ vectors.mT
        return drawn.minimum(self._at(self.most, len(known) - 1)).to(noise)

    def _measure(self, speeds: Tensor) -> Tensor:
        """Give the activities of (..., steps, D)."""
        energy = (speeds / self.speed.to(speeds)).square().mean(dim=-2)
        return (energy + LEAST_SPEED**2).log() / 2

    def _pieces(self, speeds: Tensor, steps: int) -> Tensor:
        """Give the activities (N, P, D) of pieces of so many steps."""
        return self._measure(speeds.unfold(1, steps, steps).mT)

    def _at(self, values: Tensor, steps: int) -> Tensor:
        """Interpolate what is known for some numbers of steps (L, ...), linearly in their logarithm."""
        stored = self.steps.double().log2()
        place = torch.tensor(steps, dtype=torch.float64, device=stored.device).log2().clamp_max(stored[-1])
        upper = int(torch.searchsorted(stored, place))
        lower = max(0, upper - 1)
        share = (place - stored[lower]) / (stored[upper] - stored[lower]).clamp_min(1e-12)
        return torch.lerp(values[lower].double(), values[upper].double(), share)
