"""FRGAN's losses: WGAN-GP with a condition, reconstruction, mask sparsity; refining adds differences.

Frames and maps lie in [-1, 1]. Weights are applied here; each function returns its terms by name, unweighted,
and `total`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fommvg_lib.config.frgan import FrganLossWeights
from fommvg_lib.losses import l1
from fommvg_lib.pixel_baseline.frgan.forecast import Forecast


def conditional_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """Give mean (||grad D||_2 - 1)^2 at mix * real + (1 - mix) * fake.

    The gradient is taken over all channels, the condition's too (public release).

    Args:
        critic: scores (B, ...) of inputs like `real`.
        real: (B, C, ...), frames and condition.
        fake: same shape.
        mix: (B,) in [0, 1], one number for each sample.

    Source: Gulrajani et al. 2017, Eq. 3.
    """
    mix = mix.view(-1, *[1] * (real.ndim - 1))
    point = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(point).float().sum(), point, create_graph=True)
    return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()


def critic_losses(
    critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor, weights: FrganLossWeights
) -> dict[str, Tensor]:
    """Give the critic's terms: loss_D = mean D(fake) - mean D(real), penalty, total.

    Args:
        critic: of frames and condition.
        real: (B, C, ...), real frames with their condition as further channels.
        fake: generated frames with the same condition, detached.
        mix: (B,) in [0, 1].
        weights: the penalty's is used.
    """
    score_fake, score_real = critic(torch.cat([fake, real])).float().chunk(2)
    loss = score_fake.mean() - score_real.mean()
    penalty = conditional_penalty(critic, real, fake, mix)
    return {"loss_D": loss, "penalty": penalty, "total": loss + weights.gradient_penalty * penalty}


def forecast_losses(
    critic: nn.Module | None, made: Forecast, driving: Tensor, driving_map: Tensor, weights: FrganLossWeights
) -> dict[str, Tensor]:
    """Give the forecasting generator's terms: loss_G = -mean D, l1, mask, total.

    Args:
        critic: of frame and map; None if its weight is 0.
        made: forecast of `driving`.
        driving: (B, C, S, S).
        driving_map: (B, N, S, S).
        weights: of the terms.
    """
    terms = {"l1": l1(made.image, driving), "mask": made.mask.mean()}
    total = weights.l1 * terms["l1"] + weights.mask * terms["mask"]
    if weights.colour:
        terms["colour"] = l1(made.colour, driving)
        total = total + weights.colour * terms["colour"]
    if critic is not None:
        terms["loss_G"] = -critic(torch.cat([made.image, driving_map], dim=1)).float().mean()
        total = total + weights.adversarial * terms["loss_G"]
    return {**terms, "total": total}


def refine_losses(
    critic: nn.Module | None,
    refined: Tensor,
    mask: Tensor,
    real: Tensor,
    condition: Tensor | None,
    weights: FrganLossWeights,
) -> dict[str, Tensor]:
    """Give the refining network's terms: those of forecasting, and differences in space and time.

    Args:
        critic: of clips and condition; None if its weight is 0.
        refined: (B, C, T, S, S).
        mask: (B, 1, T, S, S) in [0, 1].
        real: like `refined`.
        condition: (B, N, T, S, S), or None.
        weights: of the terms.
    """
    terms = {
        "l1": l1(refined, real),
        "mask": mask.float().mean(),
        "gradient_difference": gradient_difference(refined, real),
        "flicker": flicker(refined, real),
    }
    total = sum(getattr(weights, name) * term for name, term in terms.items())
    if critic is not None:
        seen = refined if condition is None else torch.cat([refined, condition], dim=1)
        terms["loss_G"] = -critic(seen).float().mean()
        total = total + weights.adversarial * terms["loss_G"]
    return {**terms, "total": total}


def gradient_difference(made: Tensor, real: Tensor) -> Tensor:
    """Give mean | |d made| - |d real| | for neighbours along x, y and t, the three summed.

    Args:
        made: (B, C, T, H, W), every side at least 2.
        real: same shape.

    Source: Mathieu et al. 2016, Eq. 6 with alpha = 1, extended to time.
    """
    return sum(l1(made.diff(dim=d).abs(), real.diff(dim=d).abs()) for d in (-1, -2, -3))


def flicker(made: Tensor, real: Tensor) -> Tensor:
    """Give mean |(made[t+1] - made[t]) - (real[t+1] - real[t])|: the error of the change in time.

    A constant error costs nothing; one that comes and goes from frame to frame does.

    Args:
        made: (..., T, H, W), T at least 2.
        real: same shape.
    """
    return l1(made.diff(dim=-3), real.diff(dim=-3))
