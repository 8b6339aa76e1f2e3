"""Which frames are known: the checks every motion generator makes at its door."""

from __future__ import annotations

import torch
from torch import Tensor


def known_past(known: Tensor) -> int:
    """Give how many first frames every row of (B, T) knows, if it knows no other and not all; else 0."""
    num_known = int(known[0].sum()) if len(known) else 0
    is_past = 0 < num_known < known.shape[1]
    return num_known if is_past and known[:, :num_known].all() and not known[:, num_known:].any() else 0


def is_interpolation(known: Tensor) -> bool:
    """Say whether every row of (B, T) knows the first and the last frame alone, with frames between."""
    has_ends = known.shape[1] > 2 and bool(known[:, [0, -1]].all())
    return has_ends and not bool(known[:, 1:-1].any())


def known_sides(known: Tensor) -> tuple[int, int] | None:
    """Give how many first frames (1 or more) and last ones every row of (B, T) knows; else None."""
    if not len(known) or bool((known != known[:1]).any()) or not bool(known[0, :1].any()):
        return None
    unknown = (~known[0]).nonzero()[:, 0].tolist()
    is_one_gap = bool(unknown) and unknown[-1] - unknown[0] + 1 == len(unknown)
    return (unknown[0], known.shape[1] - 1 - unknown[-1]) if is_one_gap else None


def has_known_frame(known: Tensor) -> bool:
    """Say whether every row of (B, T) knows a frame."""
    return known.shape[1] > 0 and bool(known.any(dim=1).all())


def check_request(
    name: str, supported: str, is_supported: bool, motion: Tensor, known: Tensor, num_dims: int
):
    """Refuse shapes that disagree, known frames that are not finite, and patterns that are not supported.

    Raises:
        ValueError: naming what is wrong.
    """
    if motion.ndim != 3 or motion.shape[-1] != num_dims:
        raise ValueError(f"{name} takes motion (B, T, {num_dims}), got {tuple(motion.shape)}")
    if known.shape != motion.shape[:2] or known.dtype != torch.bool:
        raise ValueError(
            f"known must be bool {tuple(motion.shape[:2])}, got {known.dtype} {tuple(known.shape)}"
        )
    if not is_supported:
        raise ValueError(f"{name} completes motion of which {supported}; other patterns are not supported")
    if not motion[known].isfinite().all():
        raise ValueError("a known frame holds numbers that are not finite")


def keep_known(samples: Tensor, motion: Tensor, known: Tensor) -> Tensor:
    """Put the known frames of motion (B, T, D) back into samples (S, B, T, D), bit for bit and in place."""
    samples[:, known] = motion[known].to(samples)
    return samples


def draw_noise(num_samples: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw N(0, 1) of (S, *shape) sample by sample, so that the first samples do not depend on S."""
    noise = torch.empty(num_samples, *shape)
    for sample in noise:
        sample.normal_(generator=generator)
    return noise
