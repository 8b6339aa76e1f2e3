"""What every set of clips offers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from fommvg_lib.files import InputError

SPLITS = ("train", "test", "all")


class ClipSet(Protocol):
    """Clips by number; all frames are square and of one size.

    Attributes:
        names: one for each clip, none twice; "<identity>#<clip>" where identities are known.
        size: side of the frames in pixels.
    """

    names: list[str]
    size: int

    def __len__(self) -> int:
        """Give the number of clips."""
        ...

    def num_frames(self, index: int) -> int:
        """Give the length of a clip."""
        ...

    def fps(self, index: int) -> float:
        """Give a clip's frames per second."""
        ...

    def identity(self, index: int) -> str:
        """Give who or what a clip shows."""
        ...

    def frames(self, index: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Give frames of a clip, (n, size, size, 3) uint8 RGB, in the order asked for."""
        ...

    def frames_at(self, requests: Sequence[tuple[int, int]]) -> np.ndarray:
        """Give frames of several clips, (n, size, size, 3) uint8, for n pairs (clip, frame)."""
        ...


def check_split(split: str) -> str:
    """Give `split` back.

    Raises:
        InputError: if there is none of that name.
    """
    if split not in SPLITS:
        raise InputError(f"split {split!r} is none of {', '.join(SPLITS)}")
    return split


def stream_frames(clips: ClipSet, index: int, batch: int = 16) -> Iterator[np.ndarray]:
    """Yield a clip's frames one by one, (size, size, 3) uint8; `batch` of them are in memory at a time."""
    total = clips.num_frames(index)
    for start in range(0, total, batch):
        yield from clips.frames(index, np.arange(start, min(start + batch, total)))


def fingerprint(clips: ClipSet) -> str:
    """Give a short hash that tells sets apart: names, size and the first frame of the first clip."""
    digest = hashlib.sha256(f"{clips.names} {clips.size}".encode())
    digest.update(clips.frames(0, [0]).tobytes())
    return digest.hexdigest()[:16]


def identity_of(name: str) -> str:
    """Give the text before '#' in a clip's name, or the whole name."""
    return name.split("#", 1)[0]
