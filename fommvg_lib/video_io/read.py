"""Frames out of clips: streamed in time, or sought by number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fommvg_lib.files import InputError
from fommvg_lib.video_io.folder import FOLDER_FPS, check_rate
from fommvg_lib.video_io.index import FrameIndex
from fommvg_lib.video_io.probe import open_clip

_EPSILON = 1e-6  # seconds; time stamps are rounded to their time base


def read_frames(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    folder_fps: float = FOLDER_FPS,
    threads: int = 2,
) -> Iterator[np.ndarray]:
    """Stream a clip's frames; memory does not grow with its length.

    Time zero is the first frame. The file is opened and the times checked at the call.

    Args:
        path: a video file or a folder of frames.
        start_s: frames shown before this many seconds are left out.
        end_s: frames shown from this many seconds on are left out.
        fps: give a constant rate instead of the file's own times: at each k / fps the frame nearest in time.
        size: (height, width) to resize to; the clip's own by default.
        folder_fps: the rate that a folder of frames is taken to have.
        threads: for decoding.

    Returns:
        An iterator of uint8 (H, W, 3) RGB, upright.

    Raises:
        InputError: if the clip cannot be read, a time lies outside it, or, on the way, a frame is damaged.
    """
    clip = open_clip(path, folder_fps, threads)
    try:
        numbers = plan_frames(clip.index, clip.path, start_s, end_s, fps)
    except InputError:
        clip.close()
        raise
    return _stream(clip, numbers, size)


def count_frames(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float | None = None,
    folder_fps: float = FOLDER_FPS,
) -> int:
    """Say how many frames `read_frames` gives; nothing is decoded for it beyond what opening a clip takes.

    Raises:
        InputError: if the clip cannot be read, or a time lies outside it.
    """
    clip = open_clip(path, folder_fps)
    try:
        return len(plan_frames(clip.index, clip.path, start_s, end_s, fps))
    finally:
        clip.close()


def _stream(clip, numbers: np.ndarray, size: tuple[int, int] | None) -> Iterator[np.ndarray]:
    unique, repeats = np.unique(numbers, return_counts=True)
    remaining = dict(zip(unique.tolist(), repeats.tolist(), strict=True))
    try:
        for number, frame in clip.decode(int(unique[0])):
            if number in remaining:
                pixels = clip.rgb(frame, size)
                count = remaining.pop(number)
                yield pixels
                for _ in range(count - 1):
                    yield pixels.copy()
            if not remaining:
                return
    finally:
        clip.close()


def plan_frames(
    index: FrameIndex, path: Path, start_s: float | None, end_s: float | None, fps: float | None
) -> np.ndarray:
    """Choose which frames are shown: numbers, not descending, at least one.

    Raises:
        InputError: if the interval is empty or reaches outside the clip by more than one frame.
    """
    start = 0.0 if start_s is None else float(start_s)
    end = index.end if end_s is None else float(end_s)
    last_gap = index.end - index.times[-1]
    if not (math.isfinite(start) and math.isfinite(end)):
        raise InputError(f"{path}: {start:g} to {end:g} s is no stretch of time")
    if start < 0 or end > index.end + last_gap + _EPSILON:
        raise InputError(f"{path}: {start:g} to {end:g} s reaches outside the clip's {index.end:.3f} s")
    if fps is None:
        is_inside = (index.times >= start - _EPSILON) & (index.times < end - _EPSILON)
        numbers = np.flatnonzero(is_inside)
    else:
        numbers = _nearest_frames(index.times, start, min(end, index.end), fps, path)
    if end <= start + _EPSILON or len(numbers) == 0:
        raise InputError(
            f"{path}: no frame lies between {start:g} and {end:g} s (it lasts {index.end:.3f} s)"
        )
    return numbers


def _nearest_frames(times: np.ndarray, start: float, end: float, fps: float, path: Path) -> np.ndarray:
    check_rate(path, fps)
    wanted = start + np.arange(max(1, round((end - start) * fps))) / fps
    after = np.searchsorted(times, wanted).clip(1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    is_before = wanted - times[before] <= times[after] - wanted + _EPSILON  # of two equally near, the earlier
    return np.where(is_before, before, after)


def read_video(path: str | Path, **options) -> np.ndarray:
    """Read a whole clip into memory: uint8 (T, H, W, 3); arguments as for `read_frames`."""
    return np.stack(list(read_frames(path, **options)))


class FrameReader:
    """Frames of a clip by number, found by seeking: the key frame before, then decoding forward.

    Attributes:
        fps: mean frames per second.
        height: of the frames given, before resizing.
        width: of the same.
    """

    def __init__(self, path: str | Path, folder_fps: float = FOLDER_FPS, threads: int = 1) -> None:
        """Open the clip and index its frames.

        Raises:
            InputError: if it cannot be read.
        """
        self._clip = open_clip(path, folder_fps, threads)
        self.fps = float(self._clip.rate)
        self.height, self.width = self._clip.height, self._clip.width
        self._frames: Iterator | None = None
        self._next = 0

    def __len__(self) -> int:
        return len(self._clip.index)

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._frames = None
        self._clip.close()

    def frames(self, indices: Sequence[int] | np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Give the frames with these numbers, in the order asked for; repeats are allowed.

        Args:
            indices: n numbers in [0, len).
            size: (height, width) to resize to; the clip's own by default.

        Returns:
            uint8 (n, H, W, 3) RGB, upright.

        Raises:
            IndexError: if a number lies outside the clip.
            InputError: if a frame on the way to the one asked for cannot be decoded.
        """
        wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(wanted) and not (0 <= wanted.min() and wanted.max() < len(self)):
            raise IndexError(f"frames {wanted.min()} to {wanted.max()} were asked for, there are {len(self)}")
        height, width = size or (self.height, self.width)
        result = np.empty((len(wanted), height, width, 3), np.uint8)
        for number in np.unique(wanted):
            result[wanted == number] = self._clip.rgb(self._frame(int(number)), size)
        return result

    def _frame(self, number: int):
        if self._frames is None or number < self._next or self._is_quicker_by_seeking(number):
            self._frames, self._next = self._clip.decode(number), number
        frames, self._frames = self._frames, None  # gone, should decoding fail on the way
        found, frame = next(item for item in frames if item[0] == number)
        self._frames, self._next = frames, found + 1
        return frame

    def _is_quicker_by_seeking(self, number: int) -> bool:
        index = self._clip.index
        if index.is_linear:
            return False
        return self._next < len(index) and index.keys_before(number)[0] > index.packet[self._next]
