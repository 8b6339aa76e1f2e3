"""The account of a prepared set: `manifest.csv`, what became of every source and every stretch of it.

One row for each clip, each stretch left out and each source rejected. `rejected.csv` lists the last two with
their reasons. Both are written whole, and again only where they change.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fommvg_lib.files import InputError, write_text
from fommvg_lib.tables import rows_as_csv

MANIFEST, REJECTED = "manifest.csv", "rejected.csv"
WRITTEN, LEFT_OUT, REJECTED_STATUS = "written", "left out", "rejected"
_REJECTED_COLUMNS = ("source", "start", "end", "frames", "status", "reason")


@dataclass(frozen=True)
class Row:
    """One line of the manifest; all values are text, as they stand in the file.

    Attributes:
        clip: path of the clip from the set's folder, "" without one.
        split: train, test or val.
        source: key of the source, see `Source`.
        hash: SHA-256 of the source.
        plan: of what else decided its clips: their name, and what a table or list says of the source.
        box: "x y width height" in the source's pixels, "" without one.
        start: seconds from the source's first frame.
        end: the same, where the stretch ends.
        fps: frames per second.
        frames: how many.
        source_frames: how many different frames of the source they show.
        status: written, left out or rejected.
        reason: why it was not written.
    """

    clip: str
    split: str
    source: str
    hash: str
    plan: str = ""
    box: str = ""
    start: str = ""
    end: str = ""
    fps: str = ""
    frames: str = ""
    source_frames: str = ""
    status: str = WRITTEN
    reason: str = ""


COLUMNS = tuple(field.name for field in fields(Row))
_LEAST = {"clip", "split", "source"}
"""The columns without which a file is no manifest of any version."""


def read_manifest(out: str | Path, is_old_allowed: bool = False) -> dict[str, list[Row]]:
    """Read the rows of a set, by source; empty if there is no manifest.

    Args:
        out: the set's folder.
        is_old_allowed: take a manifest of an earlier version too, whose header lacks columns; they are "".

    Raises:
        InputError: naming the file and the line if it is not a manifest.
    """
    path = Path(out) / MANIFEST
    if not path.exists():
        return {}
    rows: dict[str, list[Row]] = {}
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    header = _check_header(path, lines[0] if lines else [], is_old_allowed)
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(header):
            raise InputError(f"{path}: line {number} has {len(cells)} cells instead of {len(header)}")
        row = Row(**{"hash": ""} | dict(zip(header, cells, strict=True)))
        if ".." in Path(row.clip).parts or Path(row.clip).is_absolute():
            raise InputError(f"{path}: line {number} names a clip outside the set, {row.clip}")
        rows.setdefault(row.source, []).append(row)
    return rows


def _check_header(path: Path, header: list[str], is_old_allowed: bool) -> list[str]:
    """Give the header if it is that of a manifest; refuse others."""
    if tuple(header) == COLUMNS:
        return header
    is_old = _LEAST <= set(header) < set(COLUMNS) and len(header) == len(set(header))
    if is_old and is_old_allowed:
        return header
    if is_old:
        missing = ", ".join(name for name in COLUMNS if name not in header)
        raise InputError(f"{path}: is of an earlier version (no {missing}): --overwrite makes the set anew")
    raise InputError(f"{path}: line 1 is not the header of a manifest ({','.join(COLUMNS)})")


def known_splits(out: str | Path) -> dict[str, str]:
    """Give the split of every identity that a set has clips of.

    Raises:
        InputError: if the set's manifest cannot be read.
    """
    rows = [row for group in read_manifest(out).values() for row in group if row.clip]
    return {Path(row.clip).name.partition("#")[0]: row.split for row in rows}


def write_manifest(out: Path, rows: Mapping[str, Iterable[Row]]) -> None:
    """Write `manifest.csv`, sources in order of their keys, and `rejected.csv` if there is need."""
    listed = [row for key in sorted(rows) for row in rows[key]]
    _write_if_changed(out / MANIFEST, rows_as_csv([COLUMNS, *(asdict(row).values() for row in listed)]))
    refused = [row for row in listed if row.status != WRITTEN]
    if refused:
        cells = ([getattr(row, name) for name in _REJECTED_COLUMNS] for row in refused)
        _write_if_changed(out / REJECTED, rows_as_csv([_REJECTED_COLUMNS, *cells]))
    else:
        (out / REJECTED).unlink(missing_ok=True)


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
