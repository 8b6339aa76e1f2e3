"""What FRGAN's recipes measure and show: errors of made clips, maps as pictures, the held-out clips."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.frgan.items import StructuredClips
from fommvg_lib.pixel_baseline.frgan.objective import flicker

NUM_CHECK_CLIPS = 12


def video_errors(pairs: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Compare made clips (T, C, S, S) in [0, 1] with real ones; frame 0 is given and not counted in `l1`.

    Returns:
        `l1`; `l1_repeat_first`, of the first frame repeated; their `ratio`; `flicker`, the mean error of the
        change from frame to frame, and `flicker_repeat_first`.
    """
    figures: dict[str, list[float]] = {}
    for made, real in pairs:
        still = real[:1].expand_as(real)
        for name, clip in (("", made), ("_repeat_first", still)):
            figures.setdefault(f"l1{name}", []).append((clip - real)[1:].abs().mean().item())
            change = flicker(clip.transpose(0, 1), real.transpose(0, 1)).item()
            figures.setdefault(f"flicker{name}", []).append(change)
    means = {name: float(np.mean(values)) for name, values in figures.items()}
    return means | {"ratio": means["l1"] / max(means["l1_repeat_first"], 1e-8)}


def structure_picture(maps: Tensor) -> Tensor:
    """Show maps (T, N, S, S) in [-1, 1] as frames (T, 3, S, S) in [0, 1]."""
    if maps.shape[1] == 3:
        return 0.5 * maps + 0.5
    return maps.amax(dim=1, keepdim=True).clamp(0, 1).expand(-1, 3, -1, -1)


def held_out_clips(test: StructuredClips, num_frames: int) -> list[tuple[Tensor, Tensor]]:
    """Take the first frames of evenly spread held-out clips, in [0, 1], with their maps."""
    chosen = (
        np.linspace(0, len(test.lengths) - 1, min(NUM_CHECK_CLIPS, len(test.lengths))).round().astype(int)
    )
    clips = []
    for index in chosen:
        moments = np.arange(min(num_frames, test.lengths[index]))
        if len(moments) > 1:
            clips.append((0.5 * test.frames(index, moments) + 0.5, test.maps.maps(index, moments)))
    if not clips:
        raise InputError("no held-out clip has two frames")
    return clips
