"""Motion extracted in shards, joined: every clip counted, every file compared with its hash.

A shard that is finished leaves `shard-I-of-N.json` beside its motion files, which names all it made, with
hashes, and all it rejected, with reasons. Joining checks these and gives what one run would have left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fommvg_lib.files import InputError, sha256
from fommvg_lib.shards import check_file, check_one_of_each, copy_file, read_records
from fommvg_lib.tables import write_rejected

PATTERN, REJECTED = "shard-*-of-*.json", "rejected.csv"


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
    places = [Path(folder) for folder in folders]
    found = [(place, record) for place in places for record in read_records(place, PATTERN, ShardRecord)]
    if not found:
        raise InputError(f"{folders[0]}: holds no finished shard ({PATTERN})")
    _check_complete([record for _, record in found])
    files = {
        name: (folder / name, digest) for folder, record in found for name, digest in record.files.items()
    }
    for path, digest in files.values():
        check_file(path, digest)
    out = Path(out)
    _check_target(out, files)
    for name, (path, digest) in sorted(files.items()):
        if not (out / name).exists():
            copy_file(path, out / name, digest)
    rejected = {name: reason for _, record in found for name, reason in record.rejected.items()}
    rejected = {name: rejected[name] for name in sorted(rejected, key=PurePosixPath)}
    write_rejected(out / REJECTED, rejected)
    for folder, record in found:
        if folder.resolve() == out.resolve():
            (out / record.name).unlink()
            (out / rejected_name((record.index, record.count))).unlink(missing_ok=True)
    return [out / name for name in sorted(files)], rejected


def _check_complete(records: Sequence[ShardRecord]) -> None:
    first = records[0]
    for other in records:
        if (other.count, other.num_clips) != (first.count, first.num_clips):
            totals = [f"{record.name} ({record.num_clips} clips)" for record in (first, other)]
            raise InputError(f"{' and '.join(totals)} are not of one run")
        if other.weights_hash != first.weights_hash:
            raise InputError(f"{first.name} and {other.name} were made by different frame generators")
    check_one_of_each(records)
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
