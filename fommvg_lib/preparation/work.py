"""One source after the other, or several at a time, each in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from fommvg_lib.files import InputError, RunError
from fommvg_lib.preparation.manifest import REJECTED_STATUS, Row
from fommvg_lib.preparation.sources import Source, hash_plan
from fommvg_lib.video_io.folder import hash_clip


class Recipe(Protocol):
    """How a source becomes clips."""

    def settings(self) -> dict[str, object]:
        """Say what the clips depend on, besides the sources."""
        ...

    def prepare(self, source: Source, digest: str, out: Path) -> list[Row]:
        """Write a source's clips and give its rows; InputError if it cannot be read."""
        ...


def work(
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
    digest = plan = ""
    try:
        if source.fault is not None:
            raise InputError(source.fault)
        digest, plan = hash_clip(source.path), hash_plan(source)
        if known and all(row.hash == digest for row in known) and are_there(known, source, out):
            return None
        rows = recipe.prepare(source, digest, out)
    except InputError as error:
        reason = " ".join(str(error).split())
        rows = [Row("", source.split, source.key, digest, status=REJECTED_STATUS, reason=reason)]
    rows = [replace(row, plan=plan) for row in rows]
    kept = {row.clip for row in rows}
    for row in known:
        if row.clip not in kept:
            remove_clip(out, row)
    return None if rows == list(known) and not any(kept) else rows


def are_there(rows: Sequence[Row], source: Source, out: Path) -> bool:
    """Say whether a source's clips are where its rows say, and are those that are wanted now.

    Raises:
        InputError: see `hash_plan`.
    """
    if source.fault is not None:
        return False
    wanted = (source.split, hash_plan(source))
    is_fit = all((row.split, row.plan) == wanted for row in rows)
    return is_fit and all((out / row.clip).exists() for row in rows if row.clip)


def remove_clip(out: Path, row: Row) -> None:
    """Remove the clip of a row, if it has one."""
    path = out / row.clip
    if not row.clip:
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
