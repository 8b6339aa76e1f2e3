"""Packed clips: decoded frames of many clips in one memory-mapped file, with an index.

A packed folder holds `index.json` and `frames.u8`: the frames of all clips one after the other, uint8
(frame, row, column, channel) without any header. A clip of which every frame is grey takes one channel, any
other three. The index says where each clip begins, and gives its name, its part of the set, its rate and the
SHA-256 of what it was made from; it also gives that of the frames, and names the clips that could not be
read. `packing.py` writes such folders.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fommvg_lib.clips.layout import PARTS, choose_split, wanted_parts
from fommvg_lib.clips.reading import resize_all
from fommvg_lib.files import InputError, sha256

INDEX, FRAMES = "index.json", "frames.u8"
FORMAT = "fommvg packed clips 1"


@dataclass(frozen=True)
class PackedClip:
    """One clip of a packed folder.

    Attributes:
        name: as in the folder that was packed, without a video's ending.
        part: "train", "test", or "" where the folder had no such parts.
        start: byte in `frames.u8` where its first frame begins.
        num_frames: how many there are.
        channels: 1 (all grey) or 3.
        fps: frames per second.
        source_hash: SHA-256 of the file, or of all pictures of the folder, that it was decoded from.
    """

    name: str
    part: str
    start: int
    num_frames: int
    channels: int
    fps: float
    source_hash: str


@dataclass(frozen=True)
class PackIndex:
    """What a packed folder holds.

    Attributes:
        root: the folder.
        size: side of the frames in pixels.
        clips: in the order of the folder that was packed.
        num_bytes: length of `frames.u8`.
        frames_hash: its SHA-256.
        sources_hash: of all that was to be packed: names, parts and hashes of all clips.
        rejected: names of clips that could not be read, each with the reason.
    """

    root: Path
    size: int
    clips: tuple[PackedClip, ...]
    num_bytes: int
    frames_hash: str
    sources_hash: str
    rejected: dict[str, str]

    def as_json(self) -> str:
        """Give the text of `index.json`."""
        facts = {
            "format": FORMAT,
            "size": self.size,
            "bytes": self.num_bytes,
            "sha256": self.frames_hash,
            "sources_sha256": self.sources_hash,
            "rejected": self.rejected,
            "clips": [asdict(clip) for clip in self.clips],
        }
        return json.dumps(facts, indent=1) + "\n"

    def bytes_of(self, clip: PackedClip) -> int:
        """Give the length of a clip's frames in the file."""
        return clip.num_frames * self.size**2 * clip.channels

    def verify(self) -> None:
        """Read all frames and compare their hash.

        Raises:
            InputError: if the frames are not those that were packed.
        """
        if sha256(self.root / FRAMES) != self.frames_hash:
            raise InputError(f"{self.root / FRAMES}: is damaged, its SHA-256 is not that of {INDEX}")


def is_packed(root: Path) -> bool:
    """Say whether a folder is one of packed clips."""
    return (root / INDEX).is_file() and (root / FRAMES).is_file()


def read_index(root: Path) -> PackIndex:
    """Read and check the index of a packed folder; the frames' length is checked, not their content.

    Raises:
        InputError: if the index cannot be read, contradicts itself, or the frames' file has another length.
    """
    path = root / INDEX
    try:
        index = _parse(root, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no index of packed clips ({' '.join(str(error).split())})") from error
    there = (root / FRAMES).stat().st_size if (root / FRAMES).is_file() else 0
    if there != index.num_bytes:
        raise InputError(f"{root / FRAMES}: has {there} bytes, {INDEX} says {index.num_bytes}")
    return index


def _parse(root: Path, content: Any) -> PackIndex:
    if content.get("format") != FORMAT:
        raise ValueError(f"format {str(content.get('format'))[:40]!r}, not {FORMAT!r}")
    index = PackIndex(
        root, _whole(content["size"], 1), tuple(_parse_clip(clip) for clip in content["clips"]),
        _whole(content["bytes"], 1), str(content["sha256"]), str(content["sources_sha256"]),
        dict(content["rejected"]),
    )  # fmt: skip
    if not index.clips:
        raise ValueError("it lists no clip")
    end = 0
    for clip in index.clips:
        if clip.start != end:
            raise ValueError(f"clip {clip.name!r} begins at byte {clip.start}, not {end}")
        end += index.bytes_of(clip)
    if end != index.num_bytes:
        raise ValueError(f"the clips take {end} bytes of {index.num_bytes}")
    return index


def _parse_clip(facts: dict[str, Any]) -> PackedClip:
    if set(facts) != {field.name for field in fields(PackedClip)}:
        raise ValueError("a clip's entries are others than those of this format")
    fps, channels, part = float(facts["fps"]), _whole(facts["channels"], 1), facts["part"]
    if not (math.isfinite(fps) and fps > 0) or channels not in (1, 3) or part not in (*PARTS, ""):
        raise ValueError(f"a clip has {fps:g} frames/s, {channels} channels and the part {part!r}")
    return PackedClip(
        str(facts["name"]), part, _whole(facts["start"], 0), _whole(facts["num_frames"], 1),
        channels, fps, str(facts["source_hash"]),
    )  # fmt: skip


def _whole(value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{value!r} is no whole number from {least}")
    return value


class PackedReader:
    """One packed clip, read like a `FrameReader`."""

    def __init__(self, frames: np.ndarray, fps: float) -> None:
        """Take the clip's part of the mapped file, (T, size, size, channels) uint8."""
        self.fps, (self.height, self.width) = fps, frames.shape[1:3]
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, indices: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Give frames (n, H, W, 3) uint8, resized to `size` = (height, width) if given."""
        chosen = np.asarray(self._frames[indices])
        return resize_all(chosen if chosen.shape[-1] == 3 else chosen.repeat(3, axis=-1), size)


class Pack:
    """A packed folder opened for reading; its file is mapped once in each process.

    Attributes:
        index: what it holds.
    """

    def __init__(self, root: Path) -> None:
        """Read the index.

        Raises:
            InputError: see `read_index`.
        """
        self.index = read_index(root)
        self._bytes: np.memmap | None = None

    def choose(self, split: str, seed: int = 0) -> list[PackedClip]:
        """Give the clips of a split, by the rules of a folder of clips (`layout.py`).

        Raises:
            InputError: if the part asked for is missing.
        """
        clips, root = self.index.clips, self.index.root
        there = [part for part in PARTS if any(clip.part == part for clip in clips)]
        if there:
            wanted = wanted_parts(root, there, split)
            return [clip for part in wanted for clip in clips if clip.part == part]
        return [clips[number] for number in choose_split(root, [clip.name for clip in clips], split, seed)]

    def reader(self, clip: PackedClip) -> PackedReader:
        """Open one of the clips.

        Raises:
            InputError: if the file cannot be mapped.
        """
        path, size = self.index.root / FRAMES, self.index.size
        if self._bytes is None:
            try:
                self._bytes = np.memmap(path, np.uint8, "r")
            except (OSError, ValueError) as error:
                raise InputError(f"{path}: cannot be read ({error})") from error
        part = self._bytes[clip.start : clip.start + self.index.bytes_of(clip)]
        return PackedReader(part.reshape(clip.num_frames, size, size, clip.channels), clip.fps)

    def __getstate__(self) -> dict[str, Any]:
        """The mapped file does not travel to another process, which maps it itself."""
        return {**self.__dict__, "_bytes": None}
