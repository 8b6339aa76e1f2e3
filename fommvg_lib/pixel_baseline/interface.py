"""What every method that completes video in pixels offers, and where its noise comes from.

Frames are float32 (T, C, H, W) in [0, 1]. Noise comes from (seed, clip name, sample), so that neither the
order of clips nor their division among processes changes a result.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class VideoCompleter(Protocol):
    """Completes a video of which some frames are known.

    Attributes:
        name: what tables and figures call it.
        size: side of the frames in pixels that it works at, or None for any.
        fps: frames per second of what it learned, or None.
    """

    name: str
    size: int | None
    fps: float | None

    def supports(self, known: Tensor) -> bool:
        """Say whether a pattern of known frames (T,) bool can be completed."""
        ...

    def complete_video(
        self, frames: Tensor, known: Tensor, num_samples: int, seed: int, clip: str = ""
    ) -> Tensor:
        """Fill in the unknown frames.

        Args:
            frames: (T, C, H, W) in [0, 1]; unknown frames are ignored (they may be NaN).
            known: (T,) bool.
            num_samples: S.
            seed: of all randomness, with the clip's name and the sample's number.
            clip: the clip's name.

        Returns:
            (S, T, C, H, W) in [0, 1]; known frames come back untouched.

        Raises:
            ValueError: if `supports(known)` is false, or the frames do not fit the method.
        """
        ...


def sample_seed(seed: int, clip: str, sample: int) -> int:
    """Give the seed of a sample of a clip, 64 bits."""
    name = int.from_bytes(hashlib.sha256(clip.encode()).digest()[:16], "big")
    state = np.random.SeedSequence([seed, name, sample]).generate_state(2, np.uint32)
    return int(state[0]) << 32 | int(state[1])


def sample_noise(num_dims: int, num_samples: int, seed: int, clip: str) -> Tensor:
    """Draw standard normal noise (S, D); sample s is the same for every number of samples."""
    seeds = [sample_seed(seed, clip, sample) for sample in range(num_samples)]
    return torch.stack([torch.randn(num_dims, generator=torch.Generator().manual_seed(s)) for s in seeds])


def both_ends(num_frames: int) -> Tensor:
    """Give the pattern (T,) of which only the first and the last frame are known."""
    known = torch.zeros(num_frames, dtype=torch.bool)
    known[[0, -1]] = True
    return known


def check_frames(frames: Tensor, known: Tensor) -> None:
    """Refuse frames and a pattern that do not belong together.

    Raises:
        ValueError: naming what is wrong.
    """
    if frames.dim() != 4 or known.shape != frames.shape[:1] or known.dtype != torch.bool:
        shapes = f"{tuple(frames.shape)} and {known.dtype} {tuple(known.shape)}"
        raise ValueError(f"expected frames (T, C, H, W) and known (T,) bool, got {shapes}")
    if not frames[known].isfinite().all():
        raise ValueError("a known frame holds numbers that are not finite")
