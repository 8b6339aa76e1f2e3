"""A set prepared: all sources, in several processes, again only where something changed.

What is done is told by `manifest.csv` in the set's folder: a source whose hash stands there, and whose clips
are all there, is not looked at again. What was asked for stands in `preparation.json`; other settings in the
same folder are refused, since a set is of one kind. Killed at any moment, a run leaves whole clips only, and
the next one goes on where the manifest ends.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from fommvg_lib.files import InputError, RunError, remove_leftovers, write_text
from fommvg_lib.preparation.manifest import (
    LEFT_OUT,
    MANIFEST,
    REJECTED,
    REJECTED_STATUS,
    WRITTEN,
    Row,
    read_manifest,
    write_manifest,
)
from fommvg_lib.preparation.sources import Source, hash_source

SETTINGS = "preparation.json"
_SAVE_EVERY_S = 20.0


class Recipe(Protocol):
    """How a source becomes clips."""

    def settings(self) -> dict[str, object]:
        """Say what the clips depend on, besides the sources."""
        ...

    def prepare(self, source: Source, digest: str, out: Path) -> list[Row]:
        """Write a source's clips and give its rows; InputError if it cannot be read."""
        ...


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
        InputError: if there are no sources, the folder holds a set of other settings, or no clip came of it.
        RunError: if the output cannot be written, or a process was killed.
    """
    if not sources:
        raise InputError("there is nothing to prepare")
    out = Path(out)
    outcome = Outcome(rows=read_manifest(out))
    if overwrite:
        outcome.rows = _forget(outcome.rows, {source.key for source in sources}, out)
    _settle(out, recipe.settings(), overwrite)
    listed = _without_doubles(sources, outcome.rows)
    _make_folders(out, listed)
    saved = time.monotonic()
    try:
        results = _work(listed, recipe, out, jobs, outcome.rows)
        for key, rows in show(results, len(listed)):
            (outcome.unchanged if rows is None else outcome.done).append(key)
            outcome.rows[key] = outcome.rows[key] if rows is None else rows
            if time.monotonic() - saved > _SAVE_EVERY_S:
                write_manifest(out, outcome.rows)
                saved = time.monotonic()
    finally:
        if outcome.rows:
            write_manifest(out, outcome.rows)
    if not any(row.clip for rows in outcome.rows.values() for row in rows):
        raise InputError(f"{out}: no clip came of {len(listed)} sources, see {out / REJECTED}")
    return outcome


def plan_set(sources: Sequence[Source], out: str | Path) -> dict[str, str]:
    """Say for each source, by key, what a run would do with it, without looking inside.

    Returns:
        "new", "done before" (unless its content changed since) or "rejected: ..." with the reason.
    """
    rows = read_manifest(out)
    plan = {}
    for source in _without_doubles(sources, rows):
        known = rows.get(source.key)
        is_done = known is not None and _are_there(known, source, Path(out))
        plan[source.key] = (
            f"rejected: {source.fault}" if source.fault else "done before" if is_done else "new"
        )
    return plan


def _forget(rows: Mapping[str, Sequence[Row]], keys: set[str], out: Path) -> dict[str, list[Row]]:
    """Drop the sources not given now, and all hashes: all is new then, even if this run is killed."""
    for key in rows.keys() - keys:
        for row in rows[key]:
            _remove(out, row)
    kept = {key: [replace(row, hash="") for row in group] for key, group in rows.items() if key in keys}
    if rows:
        write_manifest(out, kept)
    return kept


def _settle(out: Path, settings: Mapping[str, object], overwrite: bool) -> None:
    """Compare the settings with those of the set that is there, and write them down."""
    path = out / SETTINGS
    wanted = json.loads(json.dumps(settings))
    if path.exists() and not overwrite:
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if there != wanted:
            raise InputError(f"{out}: holds a set prepared with {_difference(there, wanted)}: --overwrite it")
    elif not path.exists() and not overwrite and (out / MANIFEST).exists():
        raise InputError(
            f"{out}: has a {MANIFEST} but no {SETTINGS}: --overwrite it, or choose another --out"
        )
    if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != wanted:
        write_text(path, json.dumps(wanted, indent=2, sort_keys=True) + "\n")


def _difference(there: object, wanted: Mapping[str, object]) -> str:
    if not isinstance(there, dict):
        return "other settings"
    flat = [_flatten(settings) for settings in (there, wanted)]
    names = sorted(name for name in flat[0].keys() | flat[1].keys() if flat[0].get(name) != flat[1].get(name))
    return ", ".join(f"{name} {flat[0].get(name)} (asked for: {flat[1].get(name)})" for name in names)


def _flatten(settings: Mapping[str, object]) -> dict[str, object]:
    flat = {}
    for name, value in settings.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


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


def _work(
    sources: Sequence[Source],
    recipe: Recipe,
    out: Path,
    jobs: int,
    known: Mapping[str, Sequence[Row]],
) -> Iterator[tuple[str, list[Row] | None]]:
    """Yield (key, rows) as sources are finished; None for the rows of one that was done before."""
    tasks = ((recipe, source, out, known.get(source.key, ())) for source in sources)
    if jobs == 1:
        for task in tasks:
            yield task[1].key, _prepare_one(*task)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending = {pool.submit(_prepare_one, *task): task[1].key for task in tasks}
        try:
            yield from ((pending[done], _result(done)) for done in as_completed(pending))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _result(done: Future) -> list[Row] | None:
    try:
        return done.result()
    except BrokenProcessPool as error:
        raise RunError("a process that prepared clips was killed; run again to go on") from error


def _prepare_one(recipe: Recipe, source: Source, out: Path, known: Sequence[Row]) -> list[Row] | None:
    """Prepare one source unless it is as its rows say; None then."""
    digest = ""
    try:
        if source.fault is not None:
            raise InputError(source.fault)
        digest = hash_source(source.path)
        if known and all(row.hash == digest for row in known) and _are_there(known, source, out):
            return None
        rows = recipe.prepare(source, digest, out)
    except InputError as error:
        reason = " ".join(str(error).split())
        rows = [Row("", source.split, source.key, digest, status=REJECTED_STATUS, reason=reason)]
    kept = {row.clip for row in rows}
    for row in known:
        if row.clip not in kept:
            _remove(out, row)
    return None if rows == list(known) and not any(kept) else rows


def _are_there(rows: Sequence[Row], source: Source, out: Path) -> bool:
    """Say whether a source's clips are where its rows say, and belong there."""
    is_fit = source.fault is None and all(row.split == source.split for row in rows)
    return is_fit and all((out / row.clip).exists() for row in rows if row.clip)


def _remove(out: Path, row: Row) -> None:
    path = out / row.clip
    if not row.clip:
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
