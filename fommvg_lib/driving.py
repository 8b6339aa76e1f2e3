"""A driving video: cut in time and space, read as a stream as often as needed, never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from fommvg_lib.crop import CropBox, apply_crop, find_crop
from fommvg_lib.files import InputError
from fommvg_lib.video_io import count_frames, probe, read_frames, resize_image
from fommvg_lib.video_io.folder import FOLDER_FPS


class DrivingVideo:
    """The squares of a video that a frame generator sees, at a constant rate.

    Of a video whose rate varies, the frame nearest in time is taken at each tick of its mean rate, so that
    the sound stays in step.

    Args:
        path: a video, gif or folder of frames.
        size: side of the squares in pixels.
        crop: as `find_crop` takes it; "face" looks for one box that holds the face in all frames.
        fps: frames per second wanted; None keeps the video's own. A folder of frames, which has none, is
            taken to have this rate, or 25.
        start_s: second to start at, or None.
        end_s: second to end at, or None.

    Attributes:
        fps: frames per second.
        has_audio: whether there is sound.
        num_frames: how many there are.
        box: what is cut out of each frame.
        remark: what is not as was asked for (no face found), or None.

    Raises:
        InputError: if the video cannot be read, or a time or the box lies outside it.
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
        self.path, self.size = Path(path), size
        folder_fps = FOLDER_FPS if fps is None else fps
        info = probe(path, folder_fps)
        self.fps, self.has_audio = float(info.fps if fps is None else fps), info.has_audio
        self._cut = {"start_s": start_s, "end_s": end_s, "fps": self.fps, "folder_fps": folder_fps}
        self.num_frames = count_frames(self.path, **self._cut)
        whole_frames = self._whole_frames()
        looked_at = whole_frames if crop == "face" else islice(whole_frames, 1)
        try:
            self.box, self.remark = find_crop(looked_at, crop)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def _whole_frames(self) -> Iterator[np.ndarray]:
        return read_frames(self.path, **self._cut)

    def frames(self, size: int | None = None) -> Iterator[np.ndarray]:
        """Yield the squares, uint8 (size, size, 3), of the model's size or of another."""
        side = size or self.size
        for frame in self._whole_frames():
            yield resize_image(apply_crop(frame, self.box), (side, side))
