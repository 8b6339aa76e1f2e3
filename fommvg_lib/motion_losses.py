"""Losses of the motion generators.

Published terms (`vp_...`, `fi_...`) reproduce the public FOMMVG release; the corrected forms train with the
rest. Motion is (B, T, D), scores of any shape; every loss is a scalar mean unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from fommvg_lib.motion_generator.networks import PublishedInterpolation, PublishedPrediction

Critic = Callable[..., Tensor]


def active_steps(epoch: int, epochs_per_step: int, maximum: int) -> int:
    """Give D_len, how many steps the published critics score in an epoch: one more every so many epochs.

    Source: FOMMVG release, `min(maximum, floor(epoch / epochs_per_step) + 1)`.
    """
    return min(maximum, epoch // epochs_per_step + 1)


def lsgan_generator(fake: Tensor) -> Tensor:
    """Least-squares GAN, generator's side: mean (D(fake) - 1)^2 (Mao et al. 2017, Eq. 9)."""
    return (fake - 1).square().mean()


def lsgan_discriminator(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares GAN, critic's side: mean (D(real) - 1)^2 and mean D(fake)^2; used at half their sum."""
    return (real - 1).square().mean(), fake.square().mean()


def moment_matching(mean: Tensor, variance: Tensor, stdev: Tensor, form: str = "fixed") -> Tensor:
    """Pull the coefficients' moments to N(0, stdev^2), summed over components.

    `fixed` is the Gaussian KL that was meant: 1/2 sum [(v + m^2) / s^2 - 1 + ln(s^2 / v)]. `legacy` is the
    published one, which takes variance and deviation for log-variances:
    sum [(s - v) / 2 + (e^v + m^2) / (2 e^s) - 1/2].

    Args:
        mean: (..., C) of the coefficients.
        variance: (..., C) of the coefficients.
        stdev: (..., C) of the real ones.
        form: "fixed" or "legacy".

    Raises:
        ValueError: for another form.
    """
    if form == "legacy":
        return kl_log_variance(mean, variance, torch.zeros_like(mean), stdev)
    if form != "fixed":
        raise ValueError(f"form {form!r} is neither fixed nor legacy")
    wanted = stdev.square()
    return 0.5 * ((variance + mean.square()) / wanted - 1 + (wanted / variance.clamp_min(1e-12)).log()).sum()


def kl_log_variance(mean: Tensor, log_variance: Tensor, mean_to: Tensor, log_variance_to: Tensor) -> Tensor:
    """KL divergence of diagonal Gaussians given by log-variances, summed over all components."""
    spread = (log_variance.exp() + (mean - mean_to).square()) / (2 * log_variance_to.exp())
    return ((log_variance_to - log_variance) / 2 + spread - 0.5).sum()


def lag_moments(path: Tensor, lags: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Give mean and variance of what a path does in so many frames; lag 0 stands for second differences.

    Args:
        path: (B, T, C).
        lags: in frames; those of T or more are left out.

    Returns:
        Two tensors (number of lags used, C), over batch and time.
    """
    means, variances = [], []
    for lag in lags:
        if lag >= path.shape[1]:
            continue
        moved = path[:, lag:] - path[:, :-lag] if lag else path.diff(n=2, dim=1)
        mean, variance = mean_and_variance(moved)
        means.append(mean)
        variances.append(variance)
    return torch.stack(means), torch.stack(variances)


def mean_and_variance(values: Tensor) -> tuple[Tensor, Tensor]:
    """Give mean and unbiased variance (C,) of (B, T, C) over batch and time.

    In two passes, as `torch.var` does; but over the first dimensions torch's own takes three times as long on
    a CPU.
    """
    flat = values.flatten(0, 1)
    mean = flat.mean(dim=0)
    return mean, (flat - mean).square().sum(dim=0) / (len(flat) - 1)


def best_of(candidates: Tensor, real: Tensor) -> Tensor:
    """Mean over the batch of the smallest L1 distance among S candidates (S, B, T, C) to real (B, T, C)."""
    return (candidates - real).abs().mean(dim=(2, 3)).min(dim=0).values.mean()


def energy_score(first: Tensor, second: Tensor, real: Tensor) -> Tensor:
    """Energy score of two samples (B, T, F) of each of B conditions against the one real outcome (B, T, F).

    (|a - x| + |b - x| - |a - b|) / 2, mean over the batch: in expectation smallest, among all ways to draw a
    and b, where they are drawn as x is under that condition, so that samples can neither collapse nor stray.
    Each feature's course over time, each frame and each whole window is a vector that is scored (three means,
    summed), in units of one number: all three stay proper scores.

    Source: Gneiting & Raftery 2007, Eq. 22; to train what draws samples: Shen & Meinshausen 2024.
    """
    pairs = (first - real).square(), (second - real).square(), (first - second).square()
    near_first, near_second, apart = (_lengths(squares) for squares in pairs)
    return 0.5 * (near_first + near_second - apart)


def _lengths(squares: Tensor) -> Tensor:
    """Sum up the mean lengths of courses, frames and windows, given squared differences (B, T, F)."""
    tiny = torch.finfo(squares.dtype).tiny  # a root has no gradient at 0
    return sum((squares.mean(dim=over) + tiny).sqrt().mean() for over in (1, 2, (1, 2)))


def noise_recovery(recovered: Tensor, noise: Tensor) -> Tensor:
    """Minus the mean cosine between the noise and what H recovers of it: keeps samples apart."""
    return -cosine(recovered, noise).mean()


def cosine(made: Tensor, wanted: Tensor) -> Tensor:
    """Give the cosine (...) of vectors (..., n); as `torch.cosine_similarity`, without its copies of both."""
    lengths = torch.linalg.vector_norm(made, dim=-1) * torch.linalg.vector_norm(wanted, dim=-1)
    return torch.linalg.vecdot(made, wanted) / lengths.clamp_min(1e-8)


def gradient_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Squared gradient of the critic at real data, mean over the batch (Mescheder et al. 2018, R1)."""
    (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


def vp_generator_terms(
    network: PublishedPrediction,
    critic: Critic,
    x0: Tensor,
    noise: Tensor,
    num_scored: int,
    weight_lm: float,
    form: str = "legacy",
) -> dict[str, Tensor]:
    """Generator's terms of published VP: LSGAN on the first differences, and moment matching.

    Args:
        network: the generator.
        critic: scores one difference (..., D).
        x0: first frames (B, D).
        noise: (B, T, n).
        num_scored: D_len, how many of the T differences the critic sees.
        weight_lm: weight of the moment term.
        form: of the moment term.

    Returns:
        loss_G, loss_vae and their weighted sum `total`.
    """
    differences, coefficients = network.residual(x0, noise)
    loss = lsgan_generator(critic(differences[:, :num_scored]))
    moments = moment_matching(*mean_and_variance(coefficients), network.stdev, form)
    return {"loss_G": loss, "loss_vae": moments, "total": loss + weight_lm * moments}


def vp_discriminator_terms(
    network: PublishedPrediction, critic: Critic, real: Tensor, x0: Tensor, noise: Tensor, num_scored: int
) -> dict[str, Tensor]:
    """Critic's terms of published VP: all real differences against the first D_len generated ones."""
    with torch.no_grad():
        differences, _ = network.residual(x0, noise)
    loss_real, loss_fake = lsgan_discriminator(critic(real.diff(dim=1)), critic(differences[:, :num_scored]))
    return {"loss_D_real": loss_real, "loss_D_fake": loss_fake, "total": 0.5 * (loss_real + loss_fake)}


def paired_ends(motion: Tensor, num_scored: int, detach_positions: bool = False) -> Tensor:
    """Give what the FI critic sees: [x_i, x_{L-1-i}, x_{i+1} - x_i, x_{L-1-i} - x_{L-2-i}].

    Args:
        motion: (B, L, D).
        num_scored: D_len.
        detach_positions: cut the two positions from the graph, as the generator's step does.

    Returns:
        (B, num_scored, 4D).
    """
    near, far = motion[:, : num_scored + 1], motion[:, -num_scored - 1 :].flip(1)
    positions = [near[:, :-1], far[:, :-1]]
    if detach_positions:
        positions = [position.detach() for position in positions]
    return torch.cat([*positions, near.diff(dim=1), far[:, :-1] - far[:, 1:]], dim=-1)


def fi_generator_terms(
    network: PublishedInterpolation,
    critic: Critic,
    recover: Critic,
    real: Tensor,
    x0: Tensor,
    x1: Tensor,
    noise: Tensor,
    num_scored: int,
    weight_lm: float,
    weight_recons: float,
) -> tuple[dict[str, Tensor], Tensor]:
    """Generator's terms of published FI: softplus GAN, noise recovery at both ends, optional L1.

    Args:
        network: the generator.
        critic: scores what `paired_ends` gives.
        recover: H, frames (..., D) to noise (..., n).
        real: (B, L, D).
        x0: first frames (B, D).
        x1: last frames (B, D).
        noise: (B, L - 2, n).
        num_scored: D_len.
        weight_lm: weight of the noise recovery.
        weight_recons: weight of the L1.

    Returns:
        loss_G, loss_motion and their weighted sum `total`; and the generated motion (B, L, D).
    """
    fake = network(x0, x1, noise)
    loss = F.softplus(-critic(paired_ends(fake, num_scored, detach_positions=True))).mean()
    inner = fake[:, 1:-1]
    if 2 * num_scored < inner.shape[1]:
        inner, noise = (torch.cat([x[:, :num_scored], x[:, -num_scored:]], dim=1) for x in (inner, noise))
    alike = cosine(recover(inner), noise)  # (B, frames); those in the middle may count for both ends
    loss_motion = -0.5 * (alike[:, :num_scored].mean() + alike[:, -num_scored:].mean())
    total = loss + weight_lm * loss_motion
    if weight_recons:
        total = total + weight_recons * (real - fake).abs().mean()
    return {"loss_G": loss, "loss_motion": loss_motion, "total": total}, fake


def fi_discriminator_terms(critic: Critic, real: Tensor, fake: Tensor, num_scored: int) -> dict[str, Tensor]:
    """Critic's terms of published FI, on the motion the generator's step made."""
    loss_real = F.softplus(-critic(paired_ends(real, num_scored))).mean()
    loss_fake = F.softplus(critic(paired_ends(fake.detach(), num_scored))).mean()
    return {"loss_D_real": loss_real, "loss_D_fake": loss_fake, "total": 0.5 * (loss_real + loss_fake)}


def wasserstein_generator(fake: Tensor) -> Tensor:
    """Wasserstein GAN, generator's side: -mean D(fake) (Arjovsky et al. 2017, Alg. 1)."""
    return -fake.mean()


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Wasserstein GAN, critic's side: mean D(fake) - mean D(real) (Arjovsky et al. 2017, Alg. 1)."""
    return fake.mean() - real.mean()


def sequence_penalty(
    critic: Critic, real: Tensor, fake: Tensor, share_real: Tensor, condition: Tensor
) -> Tensor:
    """Hold the critic's gradient at length 1 between real and generated sequences.

    Mean over the batch of (|grad f(x)| - 1)^2, where f is the mean score of a sequence, x = u real + (1 - u)
    fake with one u for the whole sequence, and the length is that over all frames and features.

    Args:
        critic: scores (B, T, F) under a condition: (B, T').
        real: (B, T, F).
        fake: (B, T, F), detached.
        share_real: u, (B,) in [0, 1].
        condition: (B, G).

    Source: Gulrajani et al. 2017, Eq. 3.
    """
    mixed = torch.lerp(fake, real, share_real[:, None, None]).detach().requires_grad_()
    without_cudnn = torch.backends.cudnn.flags(enabled=False) if mixed.is_cuda else nullcontext()
    with without_cudnn:  # its GRU has no second derivative
        scores = critic(mixed, condition).mean(dim=-1)
    (gradient,) = torch.autograd.grad(scores.sum(), mixed, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def flow_matching(velocity: Tensor, wanted: Tensor, known: Tensor, units: Sequence[Tensor]) -> list[Tensor]:
    """Squared errors of a flow's velocity on unknown frames, and of its differences from frame to frame.

    Known frames have no error, so differences also see the step from a known frame to the next. All are means
    over all frames, the known ones too: so parts of a batch can be averaged.

    Args:
        velocity: (B, T, D).
        wanted: (B, T, D), motion less the draw from the prior.
        known: (B, T) bool.
        units: (D,) for each order of differences, from 0: sizes in the motion, so that small ones count.

    Source: Lipman et al. 2023, Eq. 9; differences are ours.
    """
    error = (velocity - wanted).masked_fill(known[..., None], 0)
    return [(error.diff(n=order, dim=1) / unit).square().mean() for order, unit in enumerate(units)]
