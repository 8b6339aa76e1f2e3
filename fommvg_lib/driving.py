"""A driving video: cut in time and space, read as a stream as often as needed, never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from fommvg_lib.crop import CropBox, apply_crop, find_crop
from fommvg_lib.video_io import probe, read_frames, resize_image


class DrivingVideo:
    """The squares of a video that a frame generator sees.

    Args:
        path: a video, gif or folder of frames.
        size: side of the squares in pixels.
        crop: as `find_crop` takes it; "face" looks for one box that holds the face in all frames.
        fps: frames per second wanted; None keeps the video's own.
        start_s: second to start at, or None.
        end_s: second to end at, or None.

    Attributes:
        fps: frames per second.
        has_audio: whether there is sound.
        num_frames: how many there are; None if a cut or another rate leaves that open.
        remark: what is not as was asked for (no face found), or None.

    Raises:
        InputError: if the video cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        size: int,
        crop: str | CropBox = "face",
        fps: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> None:
        info = probe(path)
        self.path, self.size = Path(path), size
        self._cut = {"start_s": start_s, "end_s": end_s}
        self.fps, self.has_audio = float(fps or info.fps), info.has_audio
        is_whole = start_s is None and end_s is None and fps is None
        self.num_frames = info.num_frames if is_whole else None
        whole_frames = self._whole_frames()
        looked_at = whole_frames if crop == "face" else islice(whole_frames, 1)
        self._box, self.remark = find_crop(looked_at, crop)

    def _whole_frames(self) -> Iterator[np.ndarray]:
        return read_frames(self.path, **self._cut, fps=self.fps)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the squares, uint8 (size, size, 3)."""
        for frame in self._whole_frames():
            yield resize_image(apply_crop(frame, self._box), (self.size, self.size))
