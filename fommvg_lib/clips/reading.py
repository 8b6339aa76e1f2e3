"""One clip's frames by number, made square: of a video file, a folder of pictures, or a strip.

Frames that are not square lose what lies outside the middle of their longer side; then they are resized.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from fommvg_lib.clips.layout import is_strip
from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader, read_image, resize_image
from fommvg_lib.video_io.folder import FOLDER_FPS


class ClipReader(Protocol):
    """What `FrameReader` offers, and every other kind of clip too.

    Attributes:
        fps: frames per second.
        height: of the frames before resizing.
        width: of the same.
    """

    fps: float
    height: int
    width: int

    def __len__(self) -> int:
        """Give the number of frames."""
        ...

    def frames(self, indices: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Give frames (n, H, W, 3) uint8, resized to `size` = (height, width) if given."""
        ...


class StripReader:
    """Square frames side by side in one picture, read like a `FrameReader`."""

    def __init__(self, path: Path) -> None:
        """Read the picture and cut it up.

        Raises:
            InputError: if it cannot be read, or its width is no multiple of its height.
        """
        picture = read_image(path)
        side, width = picture.shape[:2]
        if width % side:
            raise InputError(f"{path}: {width} x {side} pixels are not square frames side by side")
        self.height = self.width = side
        self.fps = FOLDER_FPS
        self._frames = picture.reshape(side, -1, side, 3).swapaxes(0, 1)  # (T, side, side, 3)

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 (side, side, 3)."""
        return iter(self._frames)

    def frames(self, indices: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Give frames (n, H, W, 3) uint8, resized to `size` = (height, width) if given."""
        return resize_all(self._frames[indices], size)


def resize_all(frames: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Resize frames (n, H, W, 3) uint8 to `size` = (height, width); None leaves them as they are."""
    if size is None or size == frames.shape[1:3]:
        return frames
    resized = np.empty((len(frames), *size, 3), np.uint8)
    for number, frame in enumerate(frames):
        resized[number] = resize_image(frame, size)
    return resized


def open_reader(path: Path) -> FrameReader | StripReader:
    """Open a clip.

    Raises:
        InputError: if it cannot be read.
    """
    return StripReader(path) if is_strip(path) else FrameReader(path)


def read_squares(reader: ClipReader, indices: np.ndarray, size: int) -> np.ndarray:
    """Read frames, resize their shorter side to `size` and cut out the middle: (n, size, size, 3) uint8.

    Raises:
        InputError: if a frame cannot be decoded.
    """
    shorter = min(reader.height, reader.width)
    height, width = (round(side * size / shorter) for side in (reader.height, reader.width))
    is_unchanged = (height, width) == (reader.height, reader.width)
    frames = reader.frames(indices, None if is_unchanged else (height, width))
    top, left = (height - size) // 2, (width - size) // 2
    return frames[:, top : top + size, left : left + size]
