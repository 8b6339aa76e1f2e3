"""Work that was done in shards: the records they leave are read and checked, their files copied by hash.

A shard that is finished leaves a JSON record that names every file it made, with hashes. Who joins shards
adds what is special to the work: `motion_shards` for extracted motion, `evaluation.shards` for evaluations.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from fommvg_lib.files import InputError, atomic_path, sha256, write_text


class Shard(Protocol):
    """A record, a dataclass of plain values.

    Attributes:
        index: the shard's number, from 0.
        count: of all shards.
        files: SHA-256 of each file it made, by its path below the output folder.
        name: of the record's file.
    """

    index: int
    count: int
    files: dict[str, str]

    @property
    def name(self) -> str:
        """Of the record's file."""
        ...


Record = TypeVar("Record", bound=Shard)


def write_record(out: Path, record: Shard) -> Path:
    """Write what a shard did; give the file."""
    write_text(out / record.name, json.dumps(asdict(record), indent=1, sort_keys=True) + "\n")
    return out / record.name


def read_records(
    folder: Path, pattern: str, kind: type[Record], check: Callable[[Record], Any] = lambda record: None
) -> list[Record]:
    """Read the records in a folder, none or more.

    Args:
        folder: where shards wrote.
        pattern: of the records' names.
        kind: their class.
        check: raises a ValueError or KeyError for one that says what cannot be.

    Raises:
        InputError: if there is no such folder, or a file is no record, or names files elsewhere.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    return [_read_record(path, kind, check) for path in sorted(folder.glob(pattern))]


def _read_record(path: Path, kind: type[Record], check: Callable[[Record], Any]) -> Record:
    try:
        record = kind(**json.loads(path.read_text(encoding="utf-8")))
        names = [PurePosixPath(name) for name in record.files]
        if path.name != record.name or any(name.is_absolute() or ".." in name.parts for name in names):
            raise ValueError("it is not of this name, or names files elsewhere")
        check(record)
        return record
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no record of a shard ({' '.join(str(error).split())})") from error


def check_one_of_each(records: Sequence[Shard]) -> None:
    """Check that every shard of a run is there, once.

    Raises:
        InputError: naming one that is missing, or saying that one is there twice.
    """
    count, there = records[0].count, [record.index for record in records]
    if missing := sorted(set(range(count)) - set(there)):
        raise InputError(f"shard {missing[0]}/{count} is missing or not finished")
    if len(there) != count:
        raise InputError(f"a shard of {count} is there twice")


def check_file(path: Path, digest: str) -> None:
    """Check that a shard's file is the one that it wrote.

    Raises:
        InputError: if it is missing, or its hash is another.
    """
    if not path.is_file():
        raise InputError(f"{path}: is missing, its shard wrote it")
    if sha256(path) != digest:
        raise InputError(f"{path}: is not the file that its shard wrote, the hashes differ")


def copy_file(path: Path, target: Path, digest: str) -> None:
    """Copy a shard's file, whole or not at all.

    Raises:
        InputError: if it changed meanwhile.
    """
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
        if sha256(temporary) != digest:
            raise InputError(f"{path}: changed while it was copied")
