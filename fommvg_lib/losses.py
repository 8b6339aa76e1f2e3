"""Losses of the frame generators: pure functions, each giving a scalar and naming its equation.

Weights are applied by the objectives (`frame_generator/*/objective.py`), which also say what is detached.
Means are taken in float32 (float64 stays), also of maps that autocast left in bfloat16.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.motion import inverse_2x2


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Give mean |a - b| over all entries."""
    return _mean((a - b).abs())


def gradient_l1(a: Tensor, b: Tensor) -> Tensor:
    """Compare the images' differences between neighbours, along x plus along y.

    Args:
        a: images (B, C, H, W), H and W at least 2.
        b: same shape.

    Returns:
        mean |dx a - dx b| + mean |dy a - dy b|; 0 for images that differ by a constant.
    """
    difference = a - b  # the derivative is linear
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


def lsgan_generator(prediction_map: Tensor) -> Tensor:
    """Give mean (1 - D(generated))^2.

    Source: Mao et al. 2017, Eq. 9 with c = 1.
    """
    return _mean((1 - prediction_map) ** 2)


def lsgan_discriminator(real_map: Tensor, generated_map: Tensor) -> Tensor:
    """Give mean [(1 - D(real))^2 + D(generated)^2].

    Source: Mao et al. 2017, Eq. 9 with a = 0, b = 1, without the factor 1/2 (as the FOMM release).
    """
    return _mean((1 - real_map) ** 2) + _mean(generated_map**2)


def feature_matching(real: list[Tensor], generated: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    """Give sum_i weight_i mean |F_i(real) - F_i(generated)| over the discriminator's blocks.

    Source: Wang et al. 2018 (pix2pixHD), Eq. 4.

    Raises:
        ValueError: if the numbers of blocks and weights differ.
    """
    terms = [w * l1(a, b) for w, a, b in zip(weights, real, generated, strict=True)]
    return torch.stack(terms).sum()


def equivariance_value(value: Tensor, carried: Tensor) -> Tensor:
    """Give mean |p(D) - t(p(D'))|: keypoints follow a known transform t of the frame, D'(z) = D(t(z)).

    Args:
        value: keypoints of the frame, (B, K, 2).
        carried: keypoints of the transformed frame, carried back by t, (B, K, 2).

    Source: Siarohin et al. 2019, Eq. 8.
    """
    return l1(value, carried)


def equivariance_jacobian(jacobian: Tensor, carried: Tensor) -> Tensor:
    """Give mean |I - J(D)^-1 t'(p(D')) J(D')|: local maps follow the transform too.

    Args:
        jacobian: of the frame, (B, K, 2, 2).
        carried: t'(p(D')) J(D'), (B, K, 2, 2).

    Source: Siarohin et al. 2019, Eq. 10.
    """
    inverse = inverse_2x2(jacobian)
    product = (inverse[..., :, :, None] * carried.to(inverse.dtype)[..., None, :, :]).sum(-2)
    return l1(product, torch.eye(2, dtype=product.dtype, device=product.device))


def _mean(values: Tensor) -> Tensor:
    return values.mean(dtype=torch.promote_types(values.dtype, torch.float32))
