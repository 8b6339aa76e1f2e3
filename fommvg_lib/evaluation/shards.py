"""Evaluations done in shards, joined: every file counted and compared with its hash, then figures of all.

A shard that is finished leaves `evaluation-shard-I-of-N.json`, which names what was asked and every file it
made, with hashes. What is joined is what one process would have left.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fommvg_lib.evaluation.evaluation import Evaluation, EvaluationRequest
from fommvg_lib.evaluation.finish import finish
from fommvg_lib.files import InputError, sha256
from fommvg_lib.shards import check_file, check_one_of_each, copy_file, read_records, write_record

PATTERN = "evaluation-shard-*-of-*.json"


@dataclass(frozen=True)
class ShardRecord:
    """What one shard did.

    Attributes:
        index: its number, from 0.
        count: of all shards.
        num_items: of all shards together.
        request: as `EvaluationRequest.to_dict` gives it.
        files: SHA-256 of each file, by its path below the run's folder.
    """

    index: int
    count: int
    num_items: int
    request: dict[str, Any]
    files: dict[str, str]

    @property
    def name(self) -> str:
        """Of the file."""
        return f"evaluation-shard-{self.index}-of-{self.count}.json"


def measure_shard(evaluation: Evaluation, shard: tuple[int, int], show: Any = iter) -> Path:
    """Measure one shard's items and leave its record.

    Raises:
        InputError, RunError: as `Evaluation.measure`.
    """
    index, count = shard
    out = evaluation.out
    paths = evaluation.measure(shard, show)
    files = {path.relative_to(out).as_posix(): sha256(path) for path in paths}
    request = json.loads(json.dumps(evaluation.request.to_dict()))
    return write_record(out, ShardRecord(index, count, len(evaluation.data), request, files))


def is_sharded(folder: str | Path) -> bool:
    """Say whether a folder holds a shard of an evaluation."""
    return any(Path(folder).glob(PATTERN))


def merge_evaluation(folders: Sequence[str | Path], out: str | Path, device: str = "cpu") -> tuple[Path, int]:
    """Join shards and finish the evaluation; data and weights have to be where the shards had them.

    Args:
        folders: what the shards wrote to, one folder each or one that they shared.
        out: the run's folder; may be the one that they shared.
        device: where the clips that are shown are made once more.

    Returns:
        The manifest's path, and the number of shards.

    Raises:
        InputError: if a shard is missing or not finished, they are not of one evaluation, or a file is
            missing or not the one that was written.
    """
    out = Path(out)
    found = [(Path(folder), record) for folder in folders for record in _records_of(Path(folder))]
    _check_complete([record for _, record in found])
    for folder, record in found:
        for name, digest in record.files.items():
            _take(folder / name, out / name, digest)
    request = EvaluationRequest.from_dict(found[0][1].request)
    manifest = finish(request.open(out, device))
    for folder, record in found:
        if folder.resolve() == out.resolve():
            (out / record.name).unlink()
    return manifest, len(found)


def _take(path: Path, target: Path, digest: str) -> None:
    check_file(path, digest)
    if target.resolve() == path.resolve():
        return
    if target.exists() and sha256(target) != digest:
        raise InputError(f"{target}: is there already and is none of the shards' files")
    copy_file(path, target, digest)


def _records_of(folder: Path) -> list[ShardRecord]:
    def check(record: ShardRecord) -> None:
        EvaluationRequest.from_dict(record.request)

    records = read_records(folder, PATTERN, ShardRecord, check)
    if not records:
        raise InputError(f"{folder}: holds no finished shard of an evaluation ({PATTERN})")
    return records


def _check_complete(records: Sequence[ShardRecord]) -> None:
    first = records[0]
    for other in records[1:]:
        if (other.count, other.num_items, other.request) != (first.count, first.num_items, first.request):
            raise InputError(f"{first.name} and {other.name} are not of one evaluation")
    check_one_of_each(records)
