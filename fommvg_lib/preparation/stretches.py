"""Stretches of a source: which frames become a clip, and which are left out and why."""

from __future__ import annotations

from dataclasses import dataclass

from fommvg_lib.crop import CropBox

MIN_FRAMES = 2


@dataclass(frozen=True)
class Stretch:
    """Frames `first` to `stop` (exclusive) of a source, at its constant rate.

    Attributes:
        first: number of the first frame.
        stop: number behind the last.
        name: of the clip, without ending; empty if it is left out.
        box: what is cut out; None if it is left out.
        reason: why it is left out; None if it becomes a clip.
    """

    first: int
    stop: int
    name: str = ""
    box: CropBox | None = None
    reason: str | None = None

    def __len__(self) -> int:
        return self.stop - self.first


def divide(
    first: int, stop: int, length: int | None, min_frames: int, max_frames: int | None
) -> tuple[list[tuple[int, int]], list[Stretch]]:
    """Cut frames `first` to `stop` into pieces; every frame is in one piece or in what is left out.

    Args:
        first: number of the first frame.
        stop: number behind the last.
        length: pieces of exactly this many frames one after the other; None for as long as may be.
        min_frames: shorter pieces are left out.
        max_frames: longer ones are cut there; None for no limit.

    Returns:
        The pieces as (first, stop), and the stretches left out.
    """
    step = length or max_frames or max(1, stop - first)
    pieces = [(begin, min(begin + step, stop)) for begin in range(first, stop, step)]
    kept, left = [], []
    for begin, end in pieces:
        if length is not None and end - begin < length:
            left.append(Stretch(begin, end, reason=f"a rest of {end - begin} frames, a clip has {length}"))
        elif end - begin < min_frames:
            left.append(Stretch(begin, end, reason=f"{end - begin} frames, at least {min_frames} are needed"))
        else:
            kept.append((begin, end))
    return kept, left
