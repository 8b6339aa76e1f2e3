"""Cross-fade: the simplest method in pixels. Each unknown frame mixes the known ones before and after it."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.pixel_baseline.interface import check_frames


class CrossFade:
    """Mixes known frames linearly in time; see `interface.VideoCompleter`.

    It needs no training, draws nothing at random, and takes any size and any pattern of known frames. Before
    the first and after the last known frame, that frame is repeated.
    """

    name = "cross-fade"
    size = None
    fps = None

    def supports(self, known: Tensor) -> bool:
        """Say whether any frame of (T,) is known."""
        return bool(known.any())

    def complete_video(
        self, frames: Tensor, known: Tensor, num_samples: int, seed: int, clip: str = ""
    ) -> Tensor:
        """Give (S, T, C, H, W), all samples alike; see `interface.VideoCompleter.complete_video`."""
        check_frames(frames, known)
        if not self.supports(known):
            raise ValueError("cross-fade needs a known frame, none is")
        return cross_fade(frames, known).expand(num_samples, *frames.shape).clone()


def cross_fade(frames: Tensor, known: Tensor) -> Tensor:
    """Mix the known frames on both sides of each unknown one.

    Args:
        frames: (T, ...); unknown ones are ignored.
        known: (T,) bool, at least one.

    Returns:
        (T, ...); known frames untouched.
    """
    places = known.nonzero().flatten()
    moments = torch.arange(len(known), device=places.device)
    after = torch.searchsorted(places, moments).clamp_max(len(places) - 1)
    before = (torch.searchsorted(places, moments, right=True) - 1).clamp_min(0)
    first, last = places[before], places[after]
    weight = (moments - first) / (last - first).clamp_min(1)
    weight = weight.clamp(0, 1).to(frames)[(...,) + (None,) * (frames.dim() - 1)]
    mixed = torch.lerp(frames[first], frames[last], weight)
    return torch.where(known.to(frames.device)[(...,) + (None,) * (frames.dim() - 1)], frames, mixed)
