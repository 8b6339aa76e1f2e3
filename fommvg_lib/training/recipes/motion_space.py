"""What the corrected motion generators train in: scaled components, what a critic sees of them, its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_losses import energy_score, gradient_penalty, lag_moments, lsgan_discriminator
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.pca import fit_residual_pca


def fit_space(
    scaling: MotionScaling,
    basis: Tensor,
    train: PackedMotion,
    length: int,
    departures: bool = False,
    is_scaled: bool = True,
) -> None:
    """Fit the scaling and the components of residual motion to the training set, in place.

    Args:
        scaling: set from windows of the training set.
        basis: (C, D), filled with components in the scaled space.
        train: the motion.
        length: frames of the windows.
        departures: look at departures from the straight path between a window's ends, not displacements.
        is_scaled: fit the scaling too; else all units stay 1 and the mean 0.
    """
    windows = train.every_window(min(length, train.longest()))
    if is_scaled:
        scaling.fit(windows)
    path = scaling.displacement(scaling.represent(windows, windows[:, 0]))
    if departures:
        fraction = torch.linspace(0, 1, path.shape[1])[:, None]
        path = path - fraction * path[:, -1:]
    strides = [path[:, ::stride] for stride in (1, 4) if path.shape[1] > stride]
    residual = (motion for part in strides for motion in part)
    basis.copy_(torch.from_numpy(fit_residual_pca(residual, basis.shape[0]).components).float())


@torch.no_grad()
def start_at_size(last: nn.Linear, made: Tensor, wanted: Tensor) -> None:
    """Scale the last layer so that an untrained network's motion is as large as the real one.

    Args:
        last: the layer that gives C coefficients.
        made: (B, T, C), what the network makes of noise now.
        wanted: (C,), root mean square of the real coefficients.
    """
    factor = wanted / made.square().mean(dim=(0, 1)).sqrt().clamp_min(1e-8)
    last.weight.mul_(factor[:, None])
    last.bias.mul_(factor)


class MotionFeatures(nn.Module):
    """What a temporal critic sees of coefficients (B, T, C): place, velocity, acceleration, of unit size.

    Args:
        path: (N, T, C), coefficients of real windows, from which the units come.
    """

    def __init__(self, path: Tensor) -> None:
        super().__init__()
        _, variance = lag_moments(path, (1, 0))
        self.register_buffer("place", _unit(path.square().mean(dim=(0, 1)).sqrt()))
        self.register_buffer("velocity", _unit(variance[0].sqrt()))
        self.register_buffer("acceleration", _unit(variance[1].sqrt()))

    def forward(self, path: Tensor) -> Tensor:
        """Give (B, T - 2, 3C)."""
        place, velocity, acceleration = self.parts(path)
        return torch.cat([place[:, :-1], velocity[:, 1:], acceleration], dim=-1)

    def parts(self, path: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give places from frame 1 on, velocities (both B, T - 1, C) and accelerations (B, T - 2, C)."""
        velocity = path.diff(dim=1)
        acceleration = velocity.diff(dim=1) / self.acceleration
        return path[:, 1:] / self.place, velocity / self.velocity, acceleration

    def score(self, first: Tensor, second: Tensor, real: Tensor) -> Tensor:
        """Give the energy score of two samples against real windows, all (B, T, C), summed over the parts."""
        seen = zip(*(self.parts(path) for path in (first, second, real)), strict=True)
        return sum(energy_score(*part) for part in seen)


class DifferenceFeatures(nn.Module):
    """What a `SpanCritic` sees of motion (B, T, F): its T - 1 differences, each number of unit size.

    Args:
        path: (N, T, F), real windows, from which the units come.
    """

    def __init__(self, path: Tensor) -> None:
        super().__init__()
        self.register_buffer("velocity", _unit(path.diff(dim=1).square().mean(dim=(0, 1)).sqrt()))

    def forward(self, path: Tensor) -> Tensor:
        """Give (B, T - 1, F)."""
        return self.scale(path.diff(dim=1))

    def scale(self, differences: Tensor) -> Tensor:
        """Bring differences (..., F) to unit size."""
        return differences / self.velocity


def _unit(size: Tensor) -> Tensor:
    return size.clamp_min(1e-3 * size.max().clamp_min(1e-6))


def critic_terms(
    critic: nn.Module,
    real: Tensor,
    fake: Tensor,
    condition: Tensor,
    weight_penalty: float,
    fake_condition: Tensor | None = None,
) -> dict[str, Tensor]:
    """Least-squares terms of a temporal critic, with a gradient penalty on real features if it weighs.

    Args:
        critic: scores features under a condition.
        real: features (B, T, F).
        fake: features (B, T', F), detached.
        condition: (B, G), of the real ones.
        weight_penalty: of the penalty in this step.
        fake_condition: of the generated ones, if they start from other frames.

    Returns:
        loss_D_real, loss_D_fake, penalty where it was computed, and `total`.
    """
    real = real.detach().requires_grad_(weight_penalty > 0)
    scores = critic(real, condition)
    made = critic(fake, condition if fake_condition is None else fake_condition)
    loss_real, loss_fake = lsgan_discriminator(scores, made)
    terms = {"loss_D_real": loss_real, "loss_D_fake": loss_fake}
    total = 0.5 * (loss_real + loss_fake)
    if weight_penalty > 0:
        total = total + weight_penalty * gradient_penalty(scores.mean(dim=-1), real)
    return {**terms, "total": total}
