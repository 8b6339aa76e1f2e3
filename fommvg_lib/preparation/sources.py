"""What clips are made from: video files, gifs and folders of frames, found under a folder."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fommvg_lib.files import InputError, sha256
from fommvg_lib.video_io.folder import list_frames

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".mkv", ".mpg", ".mpeg", ".gif")
FRAME_SUFFIXES = (".png", ".jpg", ".jpeg")
_MAX_NAME = 120


@dataclass(frozen=True)
class Source:
    """One thing that clips are made from.

    Attributes:
        path: the file or folder of frames.
        key: what the manifest calls it; no two sources share one.
        name: what its clips' names begin with, "<identity>#..."; no two sources of a split share one.
        split: which part of the set its clips go to: train, test, and val where a set has one.
        detail: what else the recipe needs to know of it.
        fault: why it is rejected without a look inside, or None.
    """

    path: Path
    key: str
    name: str
    split: str
    detail: Any = None
    fault: str | None = None

    @property
    def identity(self) -> str:
        """Who or what is shown: the name up to its first '#'."""
        return self.name.partition("#")[0]


def find_videos(root: str | Path, skip: Path | None = None) -> list[Path]:
    """List the video files, gifs and folders of frames under a folder, sorted by path.

    Hidden files and folders are passed over, and pictures beside videos, which are posters. Links to folders
    are followed, each folder is entered once.

    Args:
        root: a folder, or one video, which is then all there is.
        skip: a folder that is not entered (where the clips are written to).

    Raises:
        InputError: if there is no such folder, or nothing of that kind in it.
    """
    root = Path(root)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    found = [root] if root.is_file() else sorted(_walk(root, skip), key=os.fsencode)
    if not found:
        kinds = f"{', '.join(VIDEO_SUFFIXES)}, folders of {', '.join(FRAME_SUFFIXES)}"
        raise InputError(f"{root}: holds no video, gif or folder of frames ({kinds})")
    return found


def find_video(folder: Path, stem: str) -> Path | None:
    """Give the video of this name and any ending in a folder, or None."""
    return next((p for p in (folder / f"{stem}{end}" for end in VIDEO_SUFFIXES) if p.is_file()), None)


def _walk(root: Path, skip: Path | None) -> Iterator[Path]:
    skipped = None if skip is None else skip.resolve()
    entered = set()
    for folder, below, names in os.walk(root, followlinks=True):
        here = Path(folder)
        inode = (here.stat().st_dev, here.stat().st_ino)
        if inode in entered or here.resolve() == skipped:
            below.clear()
            continue
        entered.add(inode)
        below[:] = sorted(name for name in below if not name.startswith("."))
        shown = [here / name for name in names if not name.startswith(".")]
        videos = [path for path in shown if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
        yield from videos
        if not videos and any(path.suffix.lower() in FRAME_SUFFIXES for path in shown):
            yield here


def key_of(path: Path, root: Path) -> str:
    """Write a path as seen from `root`, with '/' and in UTF-8 whatever bytes its name has."""
    inside = path.relative_to(root) if path != root else Path(path.name)
    return os.fsencode(inside.as_posix()).decode("utf-8", "backslashreplace")


def safe_name(text: str) -> str:
    """Make a file name of letters, digits, '_', '.', '-' and '#'; long ones are cut and told apart by a hash.

    Two texts may give the same name: `prepare_set` rejects the second.
    """
    text = os.fsencode(text).decode("utf-8", "backslashreplace")
    name = re.sub(r"[^\w.#-]+", "_", text).strip("._") or "clip"
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[: _MAX_NAME - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def stem_of(path: Path) -> str:
    """Give a source's name without the ending of a video; a folder of frames may be called x.mp4."""
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def hash_source(path: Path) -> str:
    """Give the SHA-256 of a file, or of a folder's pictures: names and contents, in order.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        if path.is_file():
            return sha256(path)
        digest = hashlib.sha256()
        for picture in list_frames(path):
            digest.update(os.fsencode(picture.name) + b"\0" + sha256(picture).encode())
        return digest.hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
