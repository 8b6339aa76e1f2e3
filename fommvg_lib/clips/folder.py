"""A folder of clips in the layout of the First Order Motion Model's public release.

Either `train/` and `test/` with clips in them, or a plain folder of clips, which is then split 80 to 20 by
identity (the text before '#' in the name, else the whole name). A clip is a video file, a folder of pictures
(which may also be named `x.mp4`), or one png or jpg of square frames side by side. Unlike in the release, frames
are made square (the middle of the longer side is kept), resized, and sought instead of decoding whole clips.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from fommvg_lib.clips.interface import check_split, identity_of
from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader, read_image, resize_image
from fommvg_lib.video_io.folder import FOLDER_FPS

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".mkv", ".mpg", ".mpeg", ".gif")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
TEST_SHARE = 0.2
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
        repeated = next((name for name in self.names if self.names.count(name) > 1), None)
        if repeated is not None:
            raise InputError(f"{root}: two clips are called {repeated}")
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
        if self._owner != os.getpid():  # a forked worker shares the files' positions: it opens its own
            self._forget_readers()
        if index not in self._readers:
            path = self.paths[index]
            self._readers[index] = StripReader(path) if _is_picture(path) else FrameReader(path)
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


def find_split(root: Path, split: str, seed: int = 0) -> list[Path]:
    """List the clips of a split, sorted by name.

    Raises:
        InputError: if the folder is missing, holds no clip, has `train` without `test`, or shows one identity only
            while a part of it is asked for.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is no folder of clips" if root.exists() else f"{root}: no such folder")
    if (root / "train").is_dir():
        if not (root / "test").is_dir():
            raise InputError(f"{root}: has a train folder, but no test folder")
        parts = ("train", "test") if split == "all" else (split,)
        return [clip for part in parts for clip in list_clips(root / part)]
    clips = list_clips(root)
    if split == "all":
        return clips
    held_out = choose_held_out([identity_of(clip_name(clip)) for clip in clips], seed)
    if not held_out:
        raise InputError(f"{root}: shows one identity only, so train and test cannot be told apart")
    return [clip for clip in clips if (identity_of(clip_name(clip)) in held_out) == (split == "test")]


def choose_held_out(identities: Sequence[str], seed: int = 0) -> set[str]:
    """Choose a fifth of the identities (rounded up) for the test split; none if there is only one."""
    people = sorted(set(identities))
    if len(people) < 2:
        return set()
    order = np.random.default_rng(np.random.SeedSequence([seed])).permutation(len(people))
    return {people[i] for i in order[: int(np.ceil(TEST_SHARE * len(people)))]}


def list_clips(folder: Path) -> list[Path]:
    """List the clips directly in a folder, sorted by name.

    Raises:
        InputError: if there is none.
    """
    clips = sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and _is_clip(entry))
    if not clips:
        kinds = "video files, folders of pictures, pictures of square frames side by side"
        raise InputError(f"{folder}: holds no clips ({kinds})")
    return clips


def clip_name(path: Path) -> str:
    """Give the name without a video's or picture's ending (folders of pictures may be called x.mp4)."""
    return path.stem if path.suffix.lower() in (*VIDEO_SUFFIXES, *PICTURE_SUFFIXES) else path.name


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return any(entry.suffix.lower() in PICTURE_SUFFIXES for entry in path.iterdir())
    if not _is_picture(path):
        return path.suffix.lower() in VIDEO_SUFFIXES
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path}: is no readable picture") from error
    return width > height and width % height == 0
