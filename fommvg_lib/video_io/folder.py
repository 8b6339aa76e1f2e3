"""A folder of numbered pictures, read like a video file of constant rate.

Pictures may also be *rows*: square frames of a clip side by side, so that each picture is a clip of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from fommvg_lib.files import InputError, sha256
from fommvg_lib.video_io.images import IMAGE_SUFFIXES, picture_size, read_image, resize_image
from fommvg_lib.video_io.index import FrameIndex, linear_index

FOLDER_FPS = 25.0
MAX_FPS = 1000


def check_rate(path: Path, fps: float) -> None:
    """Refuse a rate at which nothing can be read.

    Raises:
        InputError: naming the file and the rate.
    """
    if not 0 < fps <= MAX_FPS:
        raise InputError(f"{path}: cannot be read at {fps:g} frames a second (above 0, at most {MAX_FPS})")


def is_frame_folder(path: Path) -> bool:
    """Say whether a path is a folder with pictures directly in it; hidden files do not count."""
    return path.is_dir() and any(_is_picture(child) for child in path.iterdir())


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def num_in_row(path: Path) -> int:
    """Say how many square frames lie side by side in a picture; 0 if it is not that, 1 for a square.

    Raises:
        InputError: if it is no readable picture.
    """
    width, height = picture_size(path)
    return width // height if width % height == 0 else 0


def holds_rows(folder: Path) -> bool:
    """Say whether the pictures in a folder are rows, each a clip, and not the frames of one clip.

    They are where each holds two squares or more, and either one holds three (no camera's frames are that
    wide) or they differ in length. What is no readable picture does not count.
    """
    lengths = set()
    for path in folder.iterdir():
        if not _is_picture(path):
            continue
        try:
            lengths.add(num_in_row(path))
        except InputError:
            continue
        if min(lengths) < 2:
            return False
    return len(lengths) > 1 or max(lengths, default=0) > 2


def hash_clip(path: Path) -> str:
    """Give the SHA-256 of a clip's file; of a folder of pictures, that of their hashes in the clip's order.

    Raises:
        InputError: if it cannot be read.
    """
    files = list_frames(path) if path.is_dir() else [path]
    try:
        digests = [sha256(file) for file in files]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    return hashlib.sha256("".join(digests).encode()).hexdigest() if path.is_dir() else digests[0]


def list_frames(folder: Path) -> list[Path]:
    """List the pictures in a folder in natural order: frame2.png stands before frame10.png.

    Raises:
        InputError: if there is none.
    """
    files = [path for path in folder.iterdir() if _is_picture(path)]
    if not files:
        raise InputError(f"{folder}: holds no pictures ({', '.join(IMAGE_SUFFIXES)})")
    return sorted(files, key=_natural_key)


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part.lower()) for part in parts]


class FrameFolder:
    """The counterpart of `VideoFile` for a folder of pictures, all of one size."""

    def __init__(self, path: str | Path, fps: float = FOLDER_FPS) -> None:
        """List the pictures and read the first."""
        self.path = Path(path)
        check_rate(self.path, fps)
        self.files = list_frames(self.path)
        self.rate = Fraction(fps).limit_denominator(1001)
        self.index: FrameIndex = linear_index(len(self.files), self.rate, 0.0)
        self.height, self.width = read_image(self.files[0]).shape[:2]
        self.rotation = 0
        self.has_audio = False

    def close(self) -> None:
        """Nothing is held open."""

    def decode(self, first: int) -> Iterator[tuple[int, Path]]:
        """Yield (number, file) from picture `first` on."""
        yield from enumerate(self.files[first:], first)

    def rgb(self, frame: Path, size: tuple[int, int] | None = None) -> np.ndarray:
        """Read one picture as uint8 (H, W, 3), resized to `size` = (height, width) if given.

        Raises:
            InputError: if it cannot be read or differs in size from the first.
        """
        pixels = read_image(frame)
        if pixels.shape[:2] != (self.height, self.width):
            found = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise InputError(f"{frame}: is {found}, the first frame is {self.width} x {self.height}")
        return pixels if size is None else resize_image(pixels, size)
