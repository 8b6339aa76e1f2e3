"""A folder of clips as a set: frames are sought, made square and resized; packed clips open likewise.

Of frames that are not square the middle of the longer side is kept. Unlike the published code, which needs
frames of the right size and decodes whole video files, any size will do and only the frames asked for are
decoded.
"""

from __future__ import annotations

import os
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fommvg_lib.clips.interface import check_split, identity_of
from fommvg_lib.clips.layout import clip_name, find_split
from fommvg_lib.clips.packed import Pack, is_packed
from fommvg_lib.clips.reading import ClipReader, open_reader, read_squares
from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader

AUTO_CACHE_BYTES = 2 * 1024**3
_MAX_OPEN_READERS = 32


class ClipFolder:
    """The clips of one split of a folder.

    Args:
        root: the folder, of clips or of packed clips (`packed.py`).
        split: "train", "test" or "all".
        size: side of the frames in pixels; None takes the shorter side of the first clip.
        cache: None seeks every frame in its file; "memory" decodes a clip once, on first use, and keeps it at
            `size`; "auto" does so if the whole split takes less than 2 GB that way. Each worker process of a
            loader keeps its own. Packed clips are in memory as far as the system has room, for all processes
            together, and are kept in addition only for "memory".
        seed: of the split of a plain folder.

    Attributes:
        passed_over: what lies beside the clips and is none: pictures that are no row of squares, other files.

    Raises:
        InputError: if the folder or the split is missing, or holds no clip.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        size: int | None = None,
        cache: str | None = None,
        seed: int = 0,
    ) -> None:
        if cache not in (None, "memory", "auto"):
            raise ValueError(f"cache {cache!r} is none of None, 'memory', 'auto'")
        check_split(split)
        self.passed_over: list[Path] = []
        self._pack = Pack(Path(root)) if is_packed(Path(root)) else None
        if self._pack is None:
            self.paths = find_split(Path(root), split, seed, self.passed_over)
            self.names = [clip_name(path) for path in self.paths]
        else:
            self._packed = self._pack.choose(split, seed)
            self.names = [clip.name for clip in self._packed]
            self.paths = [Path(root) / name for name in self.names]
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise InputError(f"{root}: two clips are called {repeated[0]}")
        self._forget_readers()
        self._facts: dict[int, tuple[int, float]] = {}
        self._kept: dict[int, np.ndarray] = {}
        self.size = size if size is not None else min(self._reader(0).height, self._reader(0).width)
        self._keeps_clips = cache == "memory" or (cache == "auto" and self._fits_in_memory())

    def __len__(self) -> int:
        return len(self.paths)

    def num_frames(self, index: int) -> int:
        """Give the length of a clip."""
        return self._fact(index)[0]

    def fps(self, index: int) -> float:
        """Give a clip's frames per second; 25 for pictures."""
        return self._fact(index)[1]

    def identity(self, index: int) -> str:
        """Give the text before '#' in the clip's name, or the whole name."""
        return identity_of(self.names[index])

    def frames(self, index: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Give frames of a clip, (n, size, size, 3) uint8, in the order asked for.

        Raises:
            IndexError: if a frame lies outside the clip.
            InputError: if the clip cannot be read.
        """
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        total = self.num_frames(index)
        if indices.size and not (0 <= indices.min() and indices.max() < total):
            raise IndexError(f"{self.paths[index]}: frames {indices.min()} to {indices.max()} of {total}")
        if not self._keeps_clips:
            return read_squares(self._reader(index), indices, self.size)
        if index not in self._kept:
            self._kept[index] = read_squares(self._reader(index), np.arange(total), self.size)
        return self._kept[index][indices]

    def frames_at(self, requests: Sequence[tuple[int, int]]) -> np.ndarray:
        """Give frames of several clips, (n, size, size, 3) uint8, for pairs (clip, frame)."""
        result = np.empty((len(requests), self.size, self.size, 3), np.uint8)
        wanted = np.array([index for index, _ in requests])
        for index in np.unique(wanted):
            rows = np.flatnonzero(wanted == index)
            result[rows] = self.frames(int(index), [requests[row][1] for row in rows])
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Open files do not travel to another process."""
        return {**self.__dict__, "_readers": OrderedDict()}

    def _forget_readers(self) -> None:
        self._readers: OrderedDict[int, ClipReader] = OrderedDict()
        self._owner = os.getpid()

    def _reader(self, index: int) -> ClipReader:
        if self._owner != os.getpid():
            # A forked worker shares the files' positions, so it opens its own; closing the inherited decoders
            # would wait for threads that only the parent has.
            self._inherited = self._readers
            self._forget_readers()
        if index not in self._readers:
            self._readers[index] = self._open(index)
            if len(self._readers) > _MAX_OPEN_READERS:
                _, oldest = self._readers.popitem(last=False)
                if isinstance(oldest, FrameReader):
                    oldest.close()
        self._readers.move_to_end(index)
        return self._readers[index]

    def _open(self, index: int) -> ClipReader:
        return (
            open_reader(self.paths[index]) if self._pack is None else self._pack.reader(self._packed[index])
        )

    def _fact(self, index: int) -> tuple[int, float]:
        if index not in self._facts:
            reader = self._reader(index)
            self._facts[index] = (len(reader), reader.fps)
        return self._facts[index]

    def _fits_in_memory(self) -> bool:
        """Count until the limit is passed; opening every clip of a large set would take long."""
        if self._pack is not None:
            return False
        left = AUTO_CACHE_BYTES
        for index in range(len(self)):
            left -= self.num_frames(index) * self.size**2 * 3
            if left <= 0:
                return False
        return True
