"""Clips to learn from and to read: the synthetic heads, or a folder laid out as for the published FOMM."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fommvg_lib.clips.expressions import ExpressionTakes
from fommvg_lib.clips.folder import ClipFolder
from fommvg_lib.clips.heads import SyntheticClips
from fommvg_lib.clips.interface import SPLITS, ClipSet, fingerprint, stream_frames
from fommvg_lib.clips.pairs import FrameItems, FramePairs, PairLoader
from fommvg_lib.clips.whole import WholeClips
from fommvg_lib.clips.windows import ClipWindows

SYNTHETIC = "synthetic"
EXPRESSIONS = "synthetic-expressions"
_SHOWN = 5

__all__ = [
    "EXPRESSIONS",
    "SPLITS",
    "SYNTHETIC",
    "ClipFolder",
    "ClipSet",
    "ClipWindows",
    "ExpressionTakes",
    "FrameItems",
    "FramePairs",
    "PairLoader",
    "SyntheticClips",
    "WholeClips",
    "fingerprint",
    "open_clips",
    "stream_frames",
]


def open_clips(
    data: str | Path, split: str, size: int | None, cache: str | None = "auto", **options: Any
) -> ClipSet:
    """Open the clips that `--data` names; what lies in a folder and is no clip is named on the error stream.

    Args:
        data: "synthetic", "synthetic-expressions" (labelled takes), or a clip folder.
        split: "train", "test" or "all".
        size: side of the frames in pixels; None keeps a folder's own size and means 64 for synthetic clips.
        cache: of a folder's frames, see `ClipFolder`; synthetic clips are rendered anew each time.
        options: further arguments of `SyntheticClips`, `ExpressionTakes` or `ClipFolder`.

    Raises:
        InputError: if there is no such split or folder, or no clip in it.
    """
    made = {SYNTHETIC: SyntheticClips, EXPRESSIONS: ExpressionTakes}.get(str(data))
    if made is not None:
        return made(split, 64 if size is None else size, **options)
    clips = ClipFolder(data, split, size, cache=cache, **options)
    if clips.passed_over:
        _tell_passed_over(clips.passed_over)
    return clips


def _tell_passed_over(paths: Sequence[Path]) -> None:
    names = [os.fsencode(path.name).decode("utf-8", "backslashreplace") for path in paths[:_SHOWN]]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    print(f"note: {paths[0].parent}: no clips, passed over: {', '.join(names)}{more}", file=sys.stderr)
