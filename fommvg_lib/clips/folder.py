"""A folder of clips as a set: frames are sought, made square and resized.

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
from fommvg_lib.clips.layout import clip_name, find_split, is_strip
from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader, read_image, resize_image
from fommvg_lib.video_io.folder import FOLDER_FPS

AUTO_CACHE_BYTES = 2 * 1024**3
_MAX_OPEN_READERS = 32


class StripReader:
    """Square frames side by side in one picture, read like a `FrameReader`."""

    def __init__(self, path: Path) -> None:
        """Read the picture and cut it up."""
        picture = read_image(path)
        side = picture.shape[0]
        self.height = self.width = side
        self.fps = FOLDER_FPS
        self._frames = picture.reshape(side, -1, side, 3).swapaxes(0, 1)  # (T, side, side, 3)

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, indices: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Give frames (n, H, W, 3) uint8, resized to `size` = (height, width) if given."""
        chosen = self._frames[indices]
        return chosen if size is None else np.stack([resize_image(frame, size) for frame in chosen])


class ClipFolder:
    """The clips of one split of a folder.

    Args:
        root: the folder.
        split: "train", "test" or "all".
        size: side of the frames in pixels; None takes the shorter side of the first clip.
        cache: None seeks every frame in its file; "memory" decodes a clip once, on first use, and keeps it at
            `size`; "auto" does so if the whole split takes less than 2 GB that way. Each worker process of a
            loader keeps its own.
        seed: of the split of a plain folder.

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
        self.paths = find_split(Path(root), check_split(split), seed)
        self.names = [clip_name(path) for path in self.paths]
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
            return self._read(index, indices)
        if index not in self._kept:
            self._kept[index] = self._read(index, np.arange(total))
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
        self._readers: OrderedDict[int, FrameReader | StripReader] = OrderedDict()
        self._owner = os.getpid()

    def _reader(self, index: int) -> FrameReader | StripReader:
        if self._owner != os.getpid():
            # A forked worker shares the files' positions, so it opens its own; closing the inherited decoders
            # would wait for threads that only the parent has.
            self._inherited = self._readers
            self._forget_readers()
        if index not in self._readers:
            path = self.paths[index]
            self._readers[index] = StripReader(path) if is_strip(path) else FrameReader(path)
            if len(self._readers) > _MAX_OPEN_READERS:
                _, oldest = self._readers.popitem(last=False)
                if isinstance(oldest, FrameReader):
                    oldest.close()
        self._readers.move_to_end(index)
        return self._readers[index]

    def _fact(self, index: int) -> tuple[int, float]:
        if index not in self._facts:
            reader = self._reader(index)
            self._facts[index] = (len(reader), reader.fps)
        return self._facts[index]

    def _read(self, index: int, indices: np.ndarray) -> np.ndarray:
        """Read frames, resize their shorter side to `size` and cut out the middle."""
        reader, size = self._reader(index), self.size
        shorter = min(reader.height, reader.width)
        height, width = (round(side * size / shorter) for side in (reader.height, reader.width))
        is_unchanged = (height, width) == (reader.height, reader.width)
        frames = reader.frames(indices, None if is_unchanged else (height, width))
        top, left = (height - size) // 2, (width - size) // 2
        return frames[:, top : top + size, left : left + size]

    def _fits_in_memory(self) -> bool:
        """Count until the limit is passed; opening every clip of a large set would take long."""
        left = AUTO_CACHE_BYTES
        for index in range(len(self)):
            left -= self.num_frames(index) * self.size**2 * 3
            if left <= 0:
                return False
        return True
