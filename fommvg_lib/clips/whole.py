"""Test items: whole clips, first frame to last, as the public release has them outside training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fommvg_lib.clips.interface import ClipSet


class WholeClips(Dataset):
    """Whole clips by number, in the set's order, never augmented.

    An item is in memory as a whole, four bytes a value; `stream_frames` reads long clips piece by piece.

    Args:
        clips: where the frames come from.
        num_channels: 3, or 1 for greyscale: the mean of red, green and blue.

    Raises:
        ValueError: for another number of channels.

    Source: the public release's dataset (Siarohin et al. 2019).
    """

    def __init__(self, clips: ClipSet, num_channels: int = 3) -> None:
        if num_channels not in (1, 3):
            raise ValueError(f"num_channels must be 1 or 3, got {num_channels}")
        self.clips, self.num_channels = clips, num_channels

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Tensor | str | float]:
        """Give a clip.

        Returns:
            `video`, (C, T, H, W) float32 in [0, 1]; `name`, the clip's; `fps`, its frames per second.

        Raises:
            IndexError: if there is no such clip.
            InputError: if a frame cannot be read.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} was asked for, there are {len(self)}")
        frames = self.clips.frames(index, np.arange(self.clips.num_frames(index)))
        video = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(frames, -1, 0))).float() / 255
        )  # (3, T, H, W)
        video = video if self.num_channels == 3 else video.mean(0, keepdim=True)
        return {"video": video, "name": self.clips.names[index], "fps": self.clips.fps(index)}
