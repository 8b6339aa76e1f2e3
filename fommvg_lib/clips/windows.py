"""Training items of the methods that make video in pixels: consecutive frames of one clip."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from fommvg_lib.clips.interface import ClipSet
from fommvg_lib.clips.pairs import FrameItems
from fommvg_lib.config.data import FrameDataConfig
from fommvg_lib.files import InputError


class ClipWindows(FrameItems):
    """Windows of consecutive frames: `clip`, (B, T, C, H, W) float32 in [0, 1]; see `FrameItems`.

    The augmentation's time flip plays a window backwards.

    Args:
        clips: where the frames come from.
        config: sampling and augmentation.
        seed: of the order, the choice of frames and the augmentation.
        num_frames: T.
        stride: frames of the clip from one frame of the window to the next.
        num_channels: 3, or 1 for greyscale.

    Attributes:
        left_out: names of the clips that are too short for a window.

    Raises:
        InputError: if no clip is long enough.
        ValueError: for another number of channels.
    """

    def __init__(
        self,
        clips: ClipSet,
        config: FrameDataConfig,
        seed: int,
        num_frames: int,
        stride: int = 1,
        num_channels: int = 3,
    ) -> None:
        super().__init__(clips, config, seed, num_channels)
        self.stride, self.num_window_frames = stride, num_frames
        self.span = (num_frames - 1) * stride + 1
        short = {index for index in range(len(clips)) if clips.num_frames(index) < self.span}
        self.left_out = [clips.names[index] for index in sorted(short)]
        kept = ([index for index in group if index not in short] for group in self._groups)
        self._groups = [group for group in kept if group]
        if not self._groups:
            longest = max(clips.num_frames(index) for index in short)
            raise InputError(
                f"no clip has the {self.span} frames that a window takes; the longest has {longest}"
            )

    def choose_moments(self, clip: int, rng: np.random.Generator) -> np.ndarray:
        """Draw where a window begins."""
        start = rng.integers(self.clips.num_frames(clip) - self.span + 1)
        return start + self.stride * np.arange(self.num_window_frames)

    def arrange(self, frames: Tensor) -> dict[str, Tensor]:
        """Hand out (B, T, C, H, W)."""
        return {"clip": frames}
