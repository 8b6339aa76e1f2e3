"""Motion extracted in shards, joined: every clip counted, every file compared with its hash.

A shard that is finished leaves `shard-I-of-N.json` beside its motion files, which names all it made, with
hashes, and all it rejected, with reasons. Joining checks these and gives what one run would have left.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fommvg_lib.files import InputError, atomic_path, sha256, write_text
from fommvg_lib.tables import write_rejected

REJECTED = "rejected.csv"


@dataclass(frozen=True)
class ShardRecord:
    """What one shard did.

    Attributes:
        index: its number, from 0.
        count: of all shards.
        num_clips: of all shards together.
        weights_hash: of the frame generator.
        files: SHA-256 of each motion file, by its path below the output folder.
        rejected: the reason for each clip that has no motion file, by its path below the input folder.
    """

    index: int
    count: int
    num_clips: int
    weights_hash: str
    files: dict[str, str]
    rejected: dict[str, str]

    @property
    def name(self) -> str:
        """Of the file."""
        return record_name(self.index, self.count)


def record_name(index: int, count: int) -> str:
    """Name the file that a shard leaves when it is finished."""
    return f"shard-{index}-of-{count}.json"


def rejected_name(shard: tuple[int, int]) -> str:
    """Name the list of clips that a shard rejected."""
    return REJECTED if shard[1] == 1 else f"rejected-{shard[0]}-of-{shard[1]}.csv"


def write_record(out: Path, record: ShardRecord) -> None:
    """Write what a shard did."""
    write_text(out / record.name, json.dumps(asdict(record), indent=1, sort_keys=True) + "\n")


def merge_shards(folders: Sequence[str | Path], out: str | Path) -> tuple[list[Path], dict[str, str]]:
    """Join shards.

    Args:
        folders: what the shards wrote, one folder each or one that they shared.
        out: gets the motion files and `rejected.csv`; may be the folder that they shared, from which the
            shards' own lists are then removed.

    Returns:
        The motion files, and the clips that were rejected with their reasons.

    Raises:
        InputError: if a shard is missing or not finished, they are not of one run, a file is missing or is
            not the one that was written, or `out` holds another motion file.
    """
    found = [(Path(folder), record) for folder in folders for record in _read_records(Path(folder))]
    if not found:
        raise InputError(f"{folders[0]}: holds no finished shard (shard-I-of-N.json)")
    _check_complete([record for _, record in found])
    files = {
        name: (folder / name, digest) for folder, record in found for name, digest in record.files.items()
    }
    for path, digest in files.values():
        if not path.is_file():
            raise InputError(f"{path}: is missing, its shard wrote it")
        if sha256(path) != digest:
            raise InputError(f"{path}: is not the file that its shard wrote, the hashes differ")
    out = Path(out)
    _check_target(out, files)
    for name, (path, digest) in sorted(files.items()):
        if not (out / name).exists():
            _copy(path, out / name, digest)
    rejected = {name: reason for _, record in found for name, reason in record.rejected.items()}
    rejected = {name: rejected[name] for name in sorted(rejected, key=PurePosixPath)}
    write_rejected(out / REJECTED, rejected)
    for folder, record in found:
        if folder.resolve() == out.resolve():
            (out / record.name).unlink()
            (out / rejected_name((record.index, record.count))).unlink(missing_ok=True)
    return [out / name for name in sorted(files)], rejected


def _read_records(folder: Path) -> list[ShardRecord]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    return [_read_record(path) for path in sorted(folder.glob("shard-*-of-*.json"))]


def _read_record(path: Path) -> ShardRecord:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        record = ShardRecord(**facts)
        if path.name != record.name or not all(_is_inside(name) for name in record.files):
            raise ValueError("it is not of this name, or names files elsewhere")
        return record
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no record of a shard ({' '.join(str(error).split())})") from error


def _is_inside(name: Any) -> bool:
    parts = PurePosixPath(name)
    return not parts.is_absolute() and ".." not in parts.parts


def _check_complete(records: Sequence[ShardRecord]) -> None:
    first = records[0]
    for other in records:
        if (other.count, other.num_clips) != (first.count, first.num_clips):
            totals = [f"{record.name} ({record.num_clips} clips)" for record in (first, other)]
            raise InputError(f"{' and '.join(totals)} are not of one run")
        if other.weights_hash != first.weights_hash:
            raise InputError(f"{first.name} and {other.name} were made by different frame generators")
    there = [record.index for record in records]
    if missing := sorted(set(range(first.count)) - set(there)):
        raise InputError(f"shard {missing[0]}/{first.count} is missing or not finished")
    if len(there) != first.count:
        raise InputError(f"a shard of {first.count} is there twice")
    num_done = sum(len(record.files) + len(record.rejected) for record in records)
    if num_done != first.num_clips:
        raise InputError(f"the shards did {num_done} clips of {first.num_clips}")


def _check_target(out: Path, files: Mapping[str, tuple[Path, str]]) -> None:
    """Refuse a folder that holds other motion: the set would be more than the shards made."""
    for path in sorted(out.rglob("*.safetensors")) if out.is_dir() else ():
        if path.name.startswith("."):
            continue
        known = files.get(path.relative_to(out).as_posix())
        if known is None or sha256(path) != known[1]:
            raise InputError(f"{path}: is there already and is none of the shards' files")


def _copy(path: Path, target: Path, digest: str) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
        if sha256(temporary) != digest:
            raise InputError(f"{path}: changed while it was copied")
