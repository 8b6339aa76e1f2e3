"""Stretches of a source into clips, in one pass over the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fommvg_lib.crop import CropBox
from fommvg_lib.files import InputError, RunError
from fommvg_lib.preparation.boxes import cut_out
from fommvg_lib.preparation.footage import Footage
from fommvg_lib.preparation.stretches import Stretch
from fommvg_lib.video_io import VideoWriter, count_frames

FORMATS = ("mp4", "png")
KEYINT = 25  # a frame that is sought is at most a second of decoding away


@dataclass(frozen=True)
class ClipForm:
    """How clips are stored.

    Attributes:
        size: side in pixels.
        format: "mp4" (H.264, lossy), or "png": a folder of pictures, called x.mp4 all the same, which is how
            the First Order Motion Model's code finds the clips of an identity.
        crf: quality of mp4, lower is better.
        fill: what stands outside a picture, "edge" or "black".
    """

    size: int = 256
    format: str = "mp4"
    crf: int = 18
    fill: str = "edge"

    def __post_init__(self) -> None:
        """Refuse what cannot be stored."""
        if self.size < 16 or self.size % 2:
            raise InputError(f"clips need an even side of 16 pixels or more, {self.size} was asked for")
        if self.format not in FORMATS:
            raise InputError(f"clip format {self.format!r} is none of {', '.join(FORMATS)}")
        if not 0 <= self.crf <= 51:
            raise InputError(f"quality --crf goes from 0 to 51, {self.crf} was asked for")

    def open(self, path: Path, rate: float) -> VideoWriter:
        """Begin a clip at `path`, which ends in .mp4 in either format."""
        if self.format == "png":
            return VideoWriter(f"{path}{os.sep}", rate)
        return VideoWriter(path, rate, crf=self.crf, keyint=KEYINT)


def clip_path(out: Path, split: str, name: str) -> Path:
    """Say where a clip of this name lies."""
    return out / split / f"{name}.mp4"


class _OpenClip:
    """A clip on its way."""

    def __init__(self, path: Path, stretch: Stretch, form: ClipForm, rate: float) -> None:
        self.path, self.stretch, self._form = path, stretch, form
        self._stack = ExitStack()
        self._writer = _guarded(lambda: self._stack.enter_context(form.open(path, rate)), path)

    def write(self, frame: np.ndarray) -> None:
        square = cut_out(frame, self.stretch.box, self._form.size, self._form.fill)
        _guarded(lambda: self._writer.write(square), self.path)

    def finish(self) -> None:
        _guarded(self._stack.close, self.path)
        there = _guarded(lambda: count_frames(self.path), self.path)
        if there != len(self.stretch):
            raise RunError(f"{self.path}: holds {there} frames, {len(self.stretch)} were written")

    def abandon(self, error: BaseException) -> None:
        self._stack.__exit__(type(error), error, error.__traceback__)


def write_stretches(
    footage: Footage, stretches: Sequence[Stretch], path_of: Callable[[Stretch], Path], form: ClipForm
) -> dict[str, str]:
    """Write all stretches that become clips, while the source is decoded once.

    Every clip appears whole or not at all, and its frames are counted once it is there. Where the source
    breaks off, clips that were complete before stay.

    Args:
        footage: the source.
        stretches: may overlap; those left out are passed over.
        path_of: where a stretch's clip goes.
        form: how it is stored.

    Returns:
        For the clips that could not be written, by name, the reason.

    Raises:
        RunError: if the output cannot be written (full disk, no permission), which is no fault of the source.
    """
    waiting = sorted((s for s in stretches if s.reason is None), key=lambda s: (s.first, s.stop, s.name))
    if not waiting:
        return {}
    begin, end = waiting[0].first, max(stretch.stop for stretch in waiting)
    frames, running, faults = footage.frames(begin, end), [], {}
    try:
        for number in range(begin, end):
            frame = next(frames)
            while waiting and waiting[0].first == number:
                stretch = waiting.pop(0)
                running.append(_OpenClip(path_of(stretch), stretch, form, footage.rate))
            for clip in running:
                clip.write(frame)
            for clip in [clip for clip in running if clip.stretch.stop == number + 1]:
                running.remove(clip)
                clip.finish()
    except InputError as error:  # from decoding: what writing raises is a RunError
        reason = " ".join(str(error).split())
        faults = {stretch.name: reason for stretch in [*(clip.stretch for clip in running), *waiting]}
        for clip in running:
            clip.abandon(error)
    except BaseException as error:
        for clip in running:
            clip.abandon(error)
        raise
    finally:
        frames.close()
    return faults


def write_clip(path: Path, frames: Iterable[np.ndarray], form: ClipForm, rate: float) -> None:
    """Write frames that are there already, uint8 (H, W, 3), as one clip.

    Raises:
        RunError: if it cannot be written.
    """
    frames = list(frames)
    height, width = frames[0].shape[:2]
    clip = _OpenClip(path, Stretch(0, len(frames), path.stem, CropBox(0, 0, width, height)), form, rate)
    try:
        for frame in frames:
            clip.write(frame)
    except BaseException as error:
        clip.abandon(error)
        raise
    clip.finish()


def _guarded(action: Callable, path: Path):
    """Do something to the output; its errors are no fault of the source."""
    try:
        return action()
    except InputError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
