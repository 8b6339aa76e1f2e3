"""Which clips lie in a folder, and which of them are held out.

The layout is that of the First Order Motion Model's public release: either `train/` and `test/` with clips in
them, or a plain folder of clips, split 80 to 20 by identity (the text before '#' in the name, else the whole
name). A clip is a video file, a folder of pictures (which may also be named `x.mp4`), or one picture of
square frames side by side. The split differs from the release's, which divides clips instead of identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fommvg_lib.clips.interface import identity_of
from fommvg_lib.files import InputError
from fommvg_lib.video_io.folder import is_frame_folder, num_in_row
from fommvg_lib.video_io.images import IMAGE_SUFFIXES
from fommvg_lib.video_io.probe import CLIP_SUFFIXES

PARTS = ("train", "test")
TEST_SHARE = 0.2


def find_split(root: Path, split: str, seed: int = 0, passed_over: list[Path] | None = None) -> list[Path]:
    """List the clips of a split, sorted by name; `passed_over` gets what lies beside them and is none.

    Raises:
        InputError: if the folder is missing, holds no clip, lacks the one of `train` and `test` that is asked
            for, or shows one identity only while a part of it is asked for.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is no folder of clips" if root.exists() else f"{root}: no such folder")
    there = [part for part in PARTS if (root / part).is_dir()]
    if there:
        folders = [root / part for part in wanted_parts(root, there, split)]
        return [clip for folder in folders for clip in list_clips(folder, passed_over=passed_over)]
    clips = list_clips(root, passed_over=passed_over)
    chosen = choose_split(root, [clip_name(clip) for clip in clips], split, seed)
    return [clips[index] for index in chosen]


def wanted_parts(root: Path, there: Sequence[str], split: str) -> tuple[str, ...]:
    """Give the parts that a split takes of those that are there.

    Raises:
        InputError: if one of them is missing.
    """
    wanted = PARTS if split == "all" else (split,)
    for part in wanted:
        if part not in there:
            raise InputError(f"{root}: has a {there[0]} folder, but no {part} folder")
    return wanted


def choose_split(root: Path, names: Sequence[str], split: str, seed: int = 0) -> list[int]:
    """Give the numbers of the clips that belong to a split, where no folders say so.

    Raises:
        InputError: if all clips show one identity and a part is asked for.
    """
    if split == "all":
        return list(range(len(names)))
    held_out = choose_held_out([identity_of(name) for name in names], seed)
    if not held_out:
        raise InputError(f"{root}: shows one identity only, so train and test cannot be told apart")
    return [i for i, name in enumerate(names) if (identity_of(name) in held_out) == (split == "test")]


def choose_held_out(identities: Sequence[str], seed: int = 0) -> set[str]:
    """Choose a fifth of the identities (rounded up) for the test split; none if there is only one."""
    people = sorted(set(identities))
    if len(people) < 2:
        return set()
    order = np.random.default_rng(np.random.SeedSequence([seed])).permutation(len(people))
    return {people[i] for i in order[: int(np.ceil(TEST_SHARE * len(people)))]}


def list_clips(
    folder: Path, rejected: dict[Path, str] | None = None, passed_over: list[Path] | None = None
) -> list[Path]:
    """List the clips directly in a folder, sorted by name.

    Args:
        folder: where they lie.
        rejected: gets the pictures that are no clip, with the reason; without, one that cannot be read is an
            error.
        passed_over: gets what else is no clip and not hidden.

    Raises:
        InputError: if there is none.
    """
    clips, others = [], []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        try:
            is_clip = _is_clip(entry)
        except InputError as error:
            if rejected is None:
                raise
            rejected[entry] = str(error)
            continue
        if is_clip:
            clips.append(entry)
        elif is_strip(entry) and rejected is not None:
            rejected[entry] = f"{entry}: is no row of square frames side by side"
        else:
            others.append(entry)
    if passed_over is not None:
        passed_over += others
    if not clips:
        kinds = "video files, folders of pictures, pictures of square frames side by side"
        raise InputError(f"{folder}: holds no clips ({kinds})")
    return clips


def clip_name(path: Path) -> str:
    """Give the name without a video's or picture's ending (folders of pictures may be called x.mp4)."""
    return path.stem if path.suffix.lower() in (*CLIP_SUFFIXES, *IMAGE_SUFFIXES) else path.name


def is_strip(path: Path) -> bool:
    """Say whether a clip is one picture of frames side by side."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return is_frame_folder(path)
    return num_in_row(path) > 1 if is_strip(path) else path.suffix.lower() in CLIP_SUFFIXES
