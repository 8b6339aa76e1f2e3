"""A set prepared: all sources, in several processes, again only where something changed.

What is done is told by `manifest.csv` in the set's folder: a source whose hash stands there, and whose clips
are all there, is not looked at again. What was asked for stands in `preparation.json`; other settings in the
same folder are refused, since a set is of one kind. Killed at any moment, a run leaves whole clips only, and
the next one goes on where the manifest ends.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fommvg_lib.files import InputError, remove_leftovers
from fommvg_lib.preparation.manifest import (
    LEFT_OUT,
    REJECTED,
    REJECTED_STATUS,
    WRITTEN,
    Row,
    read_manifest,
    write_manifest,
)
from fommvg_lib.preparation.settings import check_settings, write_settings
from fommvg_lib.preparation.sources import Source
from fommvg_lib.preparation.work import Recipe, are_there, remove_clip, work

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are not told apart there
    fcntl = None

_SAVE_EVERY_S = 20.0


@dataclass
class Outcome:
    """What became of a set.

    Attributes:
        rows: the whole manifest, by source.
        done: keys of the sources that were worked on now.
        unchanged: keys of those that were as the manifest says.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Count clips, their frames, frames left out, and sources and stretches rejected."""
        rows = [row for group in self.rows.values() for row in group]
        frames = Counter()
        for row in rows:
            frames[row.status] += int(row.frames or 0)
        return {
            "sources": len(self.rows),
            "clips": sum(row.status == WRITTEN for row in rows),
            "frames": frames[WRITTEN],
            "frames_left_out": frames[LEFT_OUT],
            "rejected": sum(row.status == REJECTED_STATUS for row in rows),
        }


def prepare_set(
    sources: Sequence[Source],
    recipe: Recipe,
    out: str | Path,
    jobs: int = 1,
    overwrite: bool = False,
    show: Callable[[Iterable, int], Iterator] = lambda items, total: iter(items),
) -> Outcome:
    """Prepare all sources.

    Args:
        sources: what there is; of two with one name in one split, the second is rejected.
        recipe: what to do with each.
        out: the set's folder.
        jobs: processes at work.
        overwrite: make the set anew, with other settings too; clips of sources not given now are removed.
        show: wraps the finished sources, of which there will be `total`, for a progress bar.

    Raises:
        InputError: if there are no sources, the folder holds a set of other settings or another run is at it,
            or no clip came of it.
        RunError: if the output cannot be written, or a process was killed.
    """
    if not sources:
        raise InputError("there is nothing to prepare")
    out = Path(out)
    with _alone(out):
        return _prepare(sources, recipe, out, jobs, overwrite, show)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep a second run away from the same folder; the lock ends with the process, however that ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from error
    try:
        if fcntl is not None:
            _lock(handle, out)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"{out}: another run is preparing this set") from error


def _prepare(
    sources: Sequence[Source],
    recipe: Recipe,
    out: Path,
    jobs: int,
    overwrite: bool,
    show: Callable[[Iterable, int], Iterator],
) -> Outcome:
    outcome = Outcome(rows=read_manifest(out, is_old_allowed=overwrite))
    if not overwrite and _has_clips(outcome.rows):
        check_settings(out, recipe.settings())
    else:
        outcome.rows = _forget(outcome.rows, {source.key for source in sources}, out)
    write_settings(out, recipe.settings())
    listed = _without_doubles(sources, outcome.rows)
    _make_folders(out, listed)
    saved = time.monotonic()
    try:
        results = work(listed, recipe, out, jobs, outcome.rows)
        for key, rows in show(results, len(listed)):
            (outcome.unchanged if rows is None else outcome.done).append(key)
            outcome.rows[key] = outcome.rows[key] if rows is None else rows
            if time.monotonic() - saved > _SAVE_EVERY_S:
                write_manifest(out, outcome.rows)
                saved = time.monotonic()
    finally:
        if outcome.rows:
            write_manifest(out, outcome.rows)
    if not _has_clips(outcome.rows):
        raise InputError(f"{out}: no clip came of {len(listed)} sources, see {out / REJECTED}")
    return outcome


def _has_clips(rows: Mapping[str, Sequence[Row]]) -> bool:
    return any(row.clip for group in rows.values() for row in group)


def plan_set(
    sources: Sequence[Source], recipe: Recipe, out: str | Path, overwrite: bool = False
) -> dict[str, str]:
    """Say for each source, by key, what a run would do with it, without looking inside.

    Returns:
        "new", "done before" (unless its content changed since) or "rejected: ..." with the reason.

    Raises:
        InputError: if a run would refuse: the folder holds a set of other settings, or it cannot be read.
    """
    rows = read_manifest(out, is_old_allowed=overwrite)
    if overwrite or not _has_clips(rows):
        rows = {}
    else:
        check_settings(Path(out), recipe.settings())
    plan = {}
    for source in _without_doubles(sources, rows):
        known = rows.get(source.key)
        is_done = known is not None and are_there(known, source, Path(out))
        plan[source.key] = (
            f"rejected: {source.fault}" if source.fault else "done before" if is_done else "new"
        )
    return plan


def _forget(rows: Mapping[str, Sequence[Row]], keys: set[str], out: Path) -> dict[str, list[Row]]:
    """Drop the sources not given now, and all hashes: all is new then, even if this run is killed."""
    for key in rows.keys() - keys:
        for row in rows[key]:
            remove_clip(out, row)
    kept = {key: [replace(row, hash="") for row in group] for key, group in rows.items() if key in keys}
    if rows:
        write_manifest(out, kept)
    return kept


def _without_doubles(sources: Sequence[Source], rows: Mapping[str, Sequence[Row]]) -> list[Source]:
    """Reject what would overwrite another source's clips, of this run or of one before."""
    given, names = {source.key for source in sources}, {}
    for key in rows.keys() - given:
        clips = [row for row in rows[key] if row.clip]
        names |= {(row.split, Path(row.clip).name.rpartition("#")[0]): key for row in clips}
    listed, keys = [], set()
    for source in sources:
        if source.key in keys:
            raise InputError(f"{source.path}: is listed twice")
        keys.add(source.key)
        place = (source.split, source.name)
        if source.fault is None and names.setdefault(place, source.key) != source.key:
            fault = f"its clips would be named like those of {names[place]} ({source.name})"
            source = replace(source, fault=fault)
        listed.append(source)
    return listed


def _make_folders(out: Path, sources: Iterable[Source]) -> None:
    for split in {"train", "test", *(source.split for source in sources)}:
        folder = out / split
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from error
        if not os.access(folder, os.W_OK):
            raise InputError(f"{folder}: cannot be written (Permission denied)")
        remove_leftovers(folder)
    remove_leftovers(out)
