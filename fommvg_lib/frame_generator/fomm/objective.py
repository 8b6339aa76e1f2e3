"""What the FOMM's training minimises (Siarohin et al. 2019, Sec. 3.3, as weighted by the public release).

The order of forward passes is fixed, as batch norm's running statistics and the spectral norm's vectors
depend on it: keypoints of the source, of the driving frame, generator, discriminator on the prediction, on
the driving frame, keypoints of the transformed frame; then, for the discriminator's own step, prediction and
driving frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fommvg_lib import losses
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.frame_generator.fomm.discriminator import Judgement, MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.generator import Generated
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.fomm.transform import Transform
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class Forward:
    """What a training step computed on the way, for pictures and the discriminator's step.

    Attributes:
        generated: the prediction (B, C, H, W) and the motion behind it.
        kp_source: keypoints of the source.
        kp_driving: keypoints of the driving frame.
        transformed_frame: the driving frame under the random transform; None without equivariance losses.
        transformed_kp: its keypoints; None likewise.
    """

    generated: Generated
    kp_source: Motion
    kp_driving: Motion
    transformed_frame: Tensor | None
    transformed_kp: Motion | None


def generator_losses(
    model: Fomm,
    discriminator: MultiScaleDiscriminator | None,
    source: Tensor,
    driving: Tensor,
    transform: Transform,
    config: FommConfig,
    perceptual: nn.Module | None,
) -> tuple[dict[str, Tensor], Forward]:
    """Compute the terms for keypoint detector and generator.

    The published code leaves the discriminator's features of the real frame in the graph; they reach only the
    discriminator, whose gradients of this step are discarded, so here they are computed without one.

    Args:
        model: what trains.
        discriminator: needed where `config.loss_weights.generator_gan` is not 0.
        source: (B, C, H, W) in [0, 1].
        driving: same shape.
        transform: of the equivariance losses, one for each item.
        config: scales and weights.
        perceptual: what `perceptual.build_perceptual` gave.

    Returns:
        Weighted scalar terms by name, whose sum is minimised, and what was computed on the way.

    Raises:
        ValueError: if a discriminator is needed and None was given.
    """
    weights = config.loss_weights
    kp_source = model.kp_detector(source)
    kp_driving = model.kp_detector(driving)
    generated = model.generator(source, kp_source, kp_driving)
    terms: dict[str, Tensor] = {}
    if perceptual is not None and any(weights.perceptual):
        terms[perceptual.name] = perceptual(generated.prediction, driving)
    if weights.generator_gan:
        if discriminator is None:
            raise ValueError(f"generator_gan={weights.generator_gan} needs a discriminator, got None")
        on_fake = discriminator(generated.prediction, kp_driving.detach())
        with torch.no_grad():
            on_real = discriminator(driving, kp_driving.detach())
        terms |= _adversarial_terms(on_real, on_fake, config)
    transformed_frame = transformed_kp = None
    if weights.equivariance_value or weights.equivariance_jacobian:
        transformed_frame = transform.frame(driving, config.model.align_corners)
        transformed_kp = model.kp_detector(transformed_frame)
        terms |= _equivariance_terms(kp_driving, transformed_kp, transform, config)
    return terms, Forward(generated, kp_source, kp_driving, transformed_frame, transformed_kp)


def discriminator_loss(
    discriminator: MultiScaleDiscriminator,
    driving: Tensor,
    prediction: Tensor,
    kp_driving: Motion,
    config: FommConfig,
) -> dict[str, Tensor]:
    """Compute the discriminator's weighted term; prediction and keypoints are detached here.

    Args:
        discriminator: what trains.
        driving: real frames (B, C, H, W) in [0, 1].
        prediction: generated frames, same shape.
        kp_driving: keypoints of the driving frames, shown with `use_kp`.
        config: scales and weights.
    """
    on_fake = discriminator(prediction.detach(), kp_driving.detach())
    on_real = discriminator(driving, kp_driving.detach())
    maps = [
        losses.lsgan_discriminator(on_real[scale].prediction_map, on_fake[scale].prediction_map)
        for scale in on_fake
    ]
    return {"disc_gan": config.loss_weights.discriminator_gan * torch.stack(maps).sum()}


def _adversarial_terms(
    on_real: dict[float, Judgement], on_fake: dict[float, Judgement], config: FommConfig
) -> dict[str, Tensor]:
    weights = config.loss_weights
    gan = [losses.lsgan_generator(judgement.prediction_map) for judgement in on_fake.values()]
    terms = {"gen_gan": weights.generator_gan * torch.stack(gan).sum()}
    if any(weights.feature_matching):
        matching = [
            losses.feature_matching(
                on_real[scale].features, on_fake[scale].features, weights.feature_matching
            )
            for scale in on_fake
        ]
        terms["feature_matching"] = torch.stack(matching).sum()
    return terms


def _equivariance_terms(
    kp_driving: Motion, transformed: Motion, transform: Transform, config: FommConfig
) -> dict[str, Tensor]:
    weights = config.loss_weights
    terms = {}
    if weights.equivariance_value:
        carried = transform.points(transformed.value)
        value = losses.equivariance_value(kp_driving.value, carried)
        terms["equivariance_value"] = weights.equivariance_value * value
    if weights.equivariance_jacobian:
        derivative = transform.jacobian(transformed.value)  # (B, K, 2, 2)
        carried = (derivative[..., :, :, None] * transformed.jacobian[..., None, :, :]).sum(-2)
        value = losses.equivariance_jacobian(kp_driving.jacobian, carried)
        terms["equivariance_jacobian"] = weights.equivariance_jacobian * value
    return terms
