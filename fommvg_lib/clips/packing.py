"""Write packed clips: every frame of a folder of clips decoded once, squared and resized (see `packed.py`).

A folder that exists is whole. Where it was made from the same bytes and its own are intact, packing again
does nothing; where clips were added, changed or taken away, it is made anew.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fommvg_lib.clips.layout import PARTS, clip_name, list_clips
from fommvg_lib.clips.packed import FRAMES, INDEX, PackedClip, PackIndex, is_packed, read_index
from fommvg_lib.clips.reading import ClipReader, open_reader, read_squares
from fommvg_lib.files import InputError, atomic_folder, sha256
from fommvg_lib.tables import rows_as_csv
from fommvg_lib.video_io import FrameReader
from fommvg_lib.video_io.folder import hash_clip

REJECTED = "rejected.csv"
_BATCH = 16


@dataclass(frozen=True)
class Source:
    """A clip that is to be packed.

    Attributes:
        path: where it lies.
        part: "train", "test" or "".
        hash: SHA-256 of its bytes; "" if it has not been read.
        reason: why it is not taken; "" if it is.
    """

    path: Path
    part: str
    hash: str = ""
    reason: str = ""


def pack_clips(
    root: str | Path, out: str | Path, size: int | None = None, show=iter
) -> tuple[PackIndex, bool]:
    """Pack a folder of clips.

    A clip that cannot be read is named in the index and in `rejected.csv`, with the reason.

    Args:
        root: a folder as `ClipFolder` reads it, with or without `train` and `test`.
        out: the packed folder; replaced if it holds packed clips already.
        size: side of the frames in pixels; None takes the shorter side of the first clip that can be read.
        show: wraps the list of clips, for a progress bar.

    Returns:
        What is packed, and whether it was packed now; False if all was there.

    Raises:
        InputError: if there is no clip, none can be read, two have one name, or `out` holds other things.
    """
    root, out = Path(root), Path(out)
    if size is not None and size < 1:
        raise InputError(f"frames are at least 1 pixel wide, {size} was asked for")
    _check_target(root, out)
    sources = find_sources(root)
    if (there := _packed_before(out, sources, size)) is not None:
        return there, False
    with atomic_folder(out) as folder:
        index = _write(folder, sources, size, show)
        if not index.clips:
            reason = next(iter(index.rejected.values()))
            raise InputError(f"{root}: none of its clips can be read; the first: {reason}")
        (folder / INDEX).write_text(index.as_json(), encoding="utf-8")
        if index.rejected:
            rows = [("clip", "reason"), *index.rejected.items()]
            (folder / REJECTED).write_text(rows_as_csv(rows), encoding="utf-8")
    return read_index(out), True


def _check_target(root: Path, out: Path) -> None:
    if out.exists() and not is_packed(out) and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out}: holds other things than packed clips and is not replaced")
    if is_packed(root):
        raise InputError(f"{root}: is packed already")
    if out.resolve() == root.resolve() or root.resolve() in out.resolve().parents:
        raise InputError(f"{out}: lies in the folder that is to be packed")


def find_sources(root: Path) -> list[Source]:
    """List the clips of a folder with the hashes of their bytes.

    Raises:
        InputError: if there is none, or two have one name.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is no folder of clips" if root.exists() else f"{root}: no such folder")
    parts = [part for part in PARTS if (root / part).is_dir()] or [""]
    sources = []
    for part in parts:
        rejected: dict[Path, str] = {}
        clips = list_clips(root / part, rejected)
        sources += [_hashed(Source(path, part)) for path in clips]
        sources += [Source(path, part, reason=reason) for path, reason in rejected.items()]
    names = Counter(clip_name(source.path) for source in sources)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise InputError(f"{root}: two clips are called {repeated[0]}")
    return sources


def _hashed(source: Source) -> Source:
    try:
        return replace(source, hash=hash_clip(source.path))
    except InputError as error:
        return replace(source, reason=str(error))


def _hash_of(sources: list[Source]) -> str:
    rows = [f"{source.part}/{source.path.name} {source.hash}" for source in sources]
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _packed_before(out: Path, sources: list[Source], size: int | None) -> PackIndex | None:
    """Give the index of `out` if it was made of the same bytes at this size and is intact."""
    if not is_packed(out):
        return None
    try:
        index = read_index(out)
        if index.sources_hash != _hash_of(sources) or size not in (None, index.size):
            return None
        index.verify()
    except InputError:
        return None  # damaged: it is made anew
    return index


def _write(folder: Path, sources: list[Source], size: int | None, show) -> PackIndex:
    clips: list[PackedClip] = []
    rejected = {_label(source): source.reason for source in sources if source.reason}
    path = folder / FRAMES
    with path.open("w+b") as stream:
        for source in show([source for source in sources if not source.reason]):
            start = stream.tell()
            try:
                reader = open_reader(source.path)
                size = size or min(reader.height, reader.width)
                channels = _write_clip(stream, reader, size)
            except InputError as error:
                rejected[_label(source)] = str(error)
                stream.seek(start)
                stream.truncate()
                continue
            name = clip_name(source.path)
            facts = (name, source.part, start, len(reader), channels, reader.fps, source.hash)
            clips.append(PackedClip(*facts))
        num_bytes = stream.tell()
    hashes = (sha256(path), _hash_of(sources))
    return PackIndex(folder, size or 1, tuple(clips), num_bytes, *hashes, rejected)


def _label(source: Source) -> str:
    return f"{source.part}/{source.path.name}" if source.part else source.path.name


def _write_clip(stream: BinaryIO, reader: ClipReader, size: int) -> int:
    """Write a clip's frames; give the number of channels that they take."""
    start = stream.tell()
    try:
        for frames in _squares(reader, size):
            grey = frames[..., :1]
            if not (frames == grey).all():
                break
            stream.write(np.ascontiguousarray(grey))
        else:
            return 1
        stream.seek(start)
        stream.truncate()
        for frames in _squares(reader, size):
            stream.write(np.ascontiguousarray(frames))
        return 3
    finally:
        if isinstance(reader, FrameReader):
            reader.close()


def _squares(reader: ClipReader, size: int) -> Iterator[np.ndarray]:
    total = len(reader)
    for first in range(0, total, _BATCH):
        yield read_squares(reader, np.arange(first, min(first + _BATCH, total)), size)
