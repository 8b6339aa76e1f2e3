"""Several samples of one condition: the best of N, all of them, how they differ, and the jump into an end.

A best of N falls with N alone, so N goes with every figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BestOfN:
    """Figures of N samples of each condition, means over conditions.

    Attributes:
        best: of each condition's best sample.
        mean: of all samples.
        num_samples: N.
    """

    best: float
    mean: float
    num_samples: int

    def __str__(self) -> str:
        return f"{self.best:.4g} (best of {self.num_samples}), {self.mean:.4g} (mean)"


def best_of_n(figures: Tensor, higher_is_better: bool = False) -> BestOfN:
    """Choose each condition's best sample.

    Args:
        figures: (N, B), one for each of N samples of B conditions.
        higher_is_better: true for PSNR and SSIM.

    Raises:
        ValueError: if the shape does not fit or a figure is NaN.
    """
    if figures.ndim != 2 or 0 in figures.shape or bool(figures.isnan().any()):
        raise ValueError(f"expected figures (N, B) without NaN, got {tuple(figures.shape)}")
    figures = figures.double()
    best = figures.amax(dim=0) if higher_is_better else figures.amin(dim=0)
    return BestOfN(best.mean().item(), figures.mean().item(), len(figures))


def pixel_diversity(samples: Tensor) -> Tensor:
    """Mean absolute difference of two samples of one condition, over all pairs.

    Args:
        samples: (S, B, T, C, H, W) in [0, 1], S >= 2; frames that were given are best left out.

    Returns:
        (B,) float64; 0 where all samples are alike.

    Raises:
        ValueError: if there is one sample only.
    """
    count = len(samples)
    if samples.ndim != 6 or count < 2:
        raise ValueError(f"diversity needs samples (S >= 2, B, T, C, H, W), got {tuple(samples.shape)}")
    pairs = [(i, j) for i in range(count) for j in range(i)]
    differences = ((samples[i] - samples[j]).abs().double().mean(dim=(-4, -3, -2, -1)) for i, j in pairs)
    return sum(differences) / len(pairs)


def end_jump(real: Tensor, generated: Tensor) -> Tensor:
    """Change into the last frame over that of the real video: above 1 where the end is jumped into.

    Args:
        real: (B, T, C, H, W) in [0, 1], T >= 2.
        generated: the same, whose last frame was given.

    Returns:
        (B,) float64.

    Raises:
        ValueError: if the shapes do not fit, or a real clip's last step changes nothing.
    """
    if real.shape != generated.shape or real.ndim != 5 or real.shape[1] < 2:
        raise ValueError(
            f"expected two of (B, T >= 2, C, H, W), got {tuple(real.shape)}, {tuple(generated.shape)}"
        )
    steps = [(x[:, -1] - x[:, -2]).abs().double().mean(dim=(1, 2, 3)) for x in (real, generated)]
    if not bool((steps[0] > 0).all()):
        raise ValueError("the last step of a real clip changes nothing")
    return steps[1] / steps[0]
