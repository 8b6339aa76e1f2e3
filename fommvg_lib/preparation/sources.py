"""What clips are made from: video files, gifs and folders of frames, found under a folder."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fommvg_lib.files import InputError
from fommvg_lib.video_io.folder import hash_clip, is_frame_folder
from fommvg_lib.video_io.images import IMAGE_SUFFIXES
from fommvg_lib.video_io.probe import CLIP_SUFFIXES

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
        kinds = f"{', '.join(CLIP_SUFFIXES)}, folders of {', '.join(IMAGE_SUFFIXES)}"
        raise InputError(f"{root}: holds no video, gif or folder of frames ({kinds})")
    return found


def find_video(folder: Path, stem: str) -> Path | None:
    """Give the video of this name and any ending in a folder, or None."""
    return next((p for p in (folder / f"{stem}{end}" for end in CLIP_SUFFIXES) if p.is_file()), None)


def count_passed_over(root: Path, used: Iterable[Path], skip: Path | None = None) -> dict[str, int]:
    """Count the files under a folder that are in no source, by their ending; hidden ones do not count.

    Args:
        root: as for `find_videos`.
        used: the sources' files and folders.
        skip: as for `find_videos`.
    """
    taken, kinds = {os.path.abspath(path) for path in used}, Counter()
    for here, names in _folders(root, skip) if root.is_dir() else ():
        if os.path.abspath(here) in taken:
            names = [name for name in names if Path(name).suffix.lower() not in IMAGE_SUFFIXES]
        paths = (here / name for name in names)
        left = [path for path in paths if os.path.abspath(path) not in taken]
        kinds.update(printable_key(path.suffix.lower()) or "without ending" for path in left)
    return dict(sorted(kinds.items()))


def hash_plan(source: Source) -> str:
    """Give a short hash of what decides a source's clips besides its content and the set's settings.

    Raises:
        InputError: if a file that its detail names cannot be read.
    """
    plan = repr((source.name, _plain(source.detail)))
    return hashlib.sha256(os.fsencode(plan)).hexdigest()[:16]


def _plain(detail: Any) -> Any:
    if isinstance(detail, Path):
        return detail.name, hash_clip(detail)
    if isinstance(detail, set | frozenset):
        return sorted(detail)
    return [_plain(part) for part in detail] if isinstance(detail, tuple) else detail


def _walk(root: Path, skip: Path | None) -> Iterator[Path]:
    for here, names in _folders(root, skip):
        shown = [here / name for name in names]
        videos = [path for path in shown if path.suffix.lower() in CLIP_SUFFIXES and path.is_file()]
        yield from videos
        if not videos and is_frame_folder(here):
            yield here


def _folders(root: Path, skip: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder below `root`, itself too, once, with the names of its files that are not hidden."""
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
        yield here, [name for name in names if not name.startswith(".")]


def key_of(path: Path, root: Path) -> str:
    """Write a path as seen from `root`, with '/' and in UTF-8 whatever bytes its name has."""
    inside = path.relative_to(root) if path != root else Path(path.name)
    return printable_key(inside.as_posix())


def printable_key(text: str) -> str:
    """Write bytes of a file name that are no UTF-8 as \\xNN."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def safe_name(text: str) -> str:
    """Make a file name of letters, digits, '_', '.', '-' and '#'; long ones are cut and told apart by a hash.

    Two texts may give the same name: `prepare_set` rejects the second.
    """
    text = printable_key(text)
    name = re.sub(r"[^\w.#-]+", "_", text).strip("._") or "clip"
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[: _MAX_NAME - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def stem_of(path: Path) -> str:
    """Give a source's name without the ending of a video; a folder of frames may be called x.mp4."""
    return path.stem if path.suffix.lower() in CLIP_SUFFIXES else path.name
