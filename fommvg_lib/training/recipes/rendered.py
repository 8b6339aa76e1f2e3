"""Sample pictures of motion as frames: what a window's completions look like through the frame generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.clips.interface import ClipSet
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import to_images, to_tensor
from fommvg_lib.motion import Motion
from fommvg_lib.visualize import strip

NUM_SHOWN = 8
SMALLEST = 64


class RenderedSamples:
    """Renders motions of a clip from that clip's first frame.

    Args:
        model: the frame generator whose motion it is.
        clips: the clips of which the motion was extracted, under the names of the motion files.
        fps: frame rate of the motion.
        names: of the motion files that may be shown.

    Raises:
        InputError: if one of those has no clip; at the start, not when pictures are due.
    """

    def __init__(self, model: FrameGenerator, clips: ClipSet, fps: float, names: Sequence[str]) -> None:
        self.model, self.clips, self.fps = model, clips, fps
        self.places = {PurePath(name).name: index for index, name in enumerate(clips.names)}
        for name in names:
            if PurePath(name).name not in self.places:
                raise InputError(f"{name}: of this motion file there is no clip to show (--clips)")

    def strip(self, name: str, motions: dict[str, Tensor]) -> np.ndarray:
        """Draw the clip itself and each motion (T, D) rendered, evenly spaced frames: uint8 (H, W, 3)."""
        clip = self._frames(name, max(map(len, motions.values())))
        first = to_tensor(clip[:1], self.model.num_channels)[0]
        rows = [clip, *(self._render(first, motion) for motion in motions.values())]
        labels = ["clip", *(f"{caption}, rendered" for caption in motions)]
        return strip(rows, NUM_SHOWN, labels, factor=max(1, SMALLEST // self.model.size))

    def _frames(self, name: str, num_frames: int) -> np.ndarray:
        index = self.places[PurePath(name).name]
        moments = np.arange(num_frames) / self.fps * self.clips.fps(index)
        last = self.clips.num_frames(index) - 1
        return self.clips.frames(index, moments.round().astype(int).clip(max=last))

    @torch.no_grad()
    def _render(self, first: Tensor, motion: Tensor) -> np.ndarray:
        source = self.model.encode(first)
        batches = self.model.render(source, Motion.from_vectors(motion.cpu(), self.model.num_kp))
        return to_images(torch.cat([batch.cpu() for batch in batches]))
