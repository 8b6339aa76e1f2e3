"""A source as frames at one constant rate, which is what a clip is.

Frames keep their numbers where a file's rate is constant. Of others (phones, screen recordings) the frame
nearest in time is taken at each k / rate, rate being the file's mean: some frames then come twice and some
not at all, and the manifest tells how many different ones a clip shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from fommvg_lib.files import InputError
from fommvg_lib.video_io.folder import FOLDER_FPS, holds_rows
from fommvg_lib.video_io.probe import open_clip
from fommvg_lib.video_io.read import plan_frames


@dataclass(frozen=True)
class Footage:
    """A source and its frames.

    Attributes:
        path: the file or folder.
        rate: frames per second.
        numbers: (T,) which frame of the file is shown at each moment, not descending.
        height: of the frames in pixels.
        width: of the same.
        folder_fps: the rate that a folder of frames is taken to have.
    """

    path: Path
    rate: Fraction
    numbers: np.ndarray
    height: int
    width: int
    folder_fps: float = FOLDER_FPS

    def __len__(self) -> int:
        return len(self.numbers)

    def num_different(self, first: int, stop: int) -> int:
        """Say how many different frames of the file are shown from `first` to `stop`."""
        return len(np.unique(self.numbers[first:stop]))

    def frames(self, first: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """Stream frames, uint8 (H, W, 3) RGB, upright; they are not to be changed.

        Raises:
            InputError: at the first frame that cannot be decoded whole.
        """
        wanted = self.numbers[first:stop].tolist()
        if not wanted:
            return
        clip = open_clip(self.path, self.folder_fps)
        try:
            place = 0
            for number, frame in clip.decode(wanted[0]):
                if number != wanted[place]:
                    continue
                pixels = clip.rgb(frame)
                while place < len(wanted) and wanted[place] == number:
                    yield pixels
                    place += 1
                if place == len(wanted):
                    return
        finally:
            clip.close()


def survey(path: Path, fps: float | None = None, folder_fps: float = FOLDER_FPS) -> Footage:
    """Open a source, count its frames and plan its moments.

    Args:
        path: a video file, a gif or a folder of frames.
        fps: the rate wanted; None for the file's own mean.
        folder_fps: the rate that a folder of frames is taken to have.

    Raises:
        InputError: if it cannot be read, or for a rate that means nothing.
    """
    if path.is_dir() and holds_rows(path):
        raise InputError(f"{path}: its pictures are rows of square frames, clips already")
    clip = open_clip(path, folder_fps)
    try:
        rate = clip.rate if fps is None else Fraction(fps).limit_denominator(1001)
        numbers = plan_frames(clip.index, clip.path, None, None, float(rate))
        return Footage(clip.path, rate, numbers, clip.height, clip.width, folder_fps)
    finally:
        clip.close()
