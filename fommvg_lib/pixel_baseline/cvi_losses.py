"""What CVI is trained with: pixels, gradient differences, and two discriminators' verdicts."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def gradient_difference(made: Tensor, real: Tensor) -> Tensor:
    """Compare how much neighbouring pixels differ, whatever the sign.

    Args:
        made: (..., H, W), H and W at least 2.
        real: same shape.

    Returns:
        mean ||dx made| - |dx real|| + mean ||dy made| - |dy real||; 0 for pictures that differ by a constant.

    Source: Mathieu et al. 2016, Eq. 6 with exponent 1, as a mean.
    """
    terms = [(made.diff(dim=d).abs() - real.diff(dim=d).abs()).abs().mean() for d in (-1, -2)]
    return terms[0] + terms[1]


def reconstruction(made: Tensor, real: Tensor, kind: str) -> Tensor:
    """Give the mean squared (`mse`) or mean absolute (`l1`) difference of pixels."""
    return F.mse_loss(made, real) if kind == "mse" else F.l1_loss(made, real)


def fooling(fake_logits: Tensor) -> Tensor:
    """Give the generator's non-saturating term, mean -log D(made), of logits.

    Source: Goodfellow et al. 2014, Sec. 3.
    """
    return F.softplus(-fake_logits.float()).mean()


def telling_apart(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Give the discriminator's cross-entropy, mean -log D(real) - log(1 - D(made)), of logits.

    Source: Goodfellow et al. 2014, Eq. 1.
    """
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()
