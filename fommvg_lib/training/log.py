"""Logs of a run: `losses.csv` (means over the steps since the last row) and `validation.csv`.

The same numbers go to TensorBoard's event files (`events/`) where TensorBoard is installed.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fommvg_lib.files import write_text


class Means:
    """Means of the terms of several steps; nothing is read from the device before it is asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Take one step's terms."""
        for name, value in terms.items():
            value = value.detach().double() if value.device.type == "cpu" else value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> tuple[list[str], Tensor]:
        """Give names and means (n,), float32, and begin anew."""
        names = list(self._sums)
        means = [self._sums[name].float() / self._counts[name] for name in names]
        self._sums, self._counts = {}, {}
        return names, torch.stack(means) if means else torch.zeros(0)


class CsvLog:
    """A CSV file with a row for each time it is written to.

    Args:
        path: the file; rows beyond `start_step` are cut off, as a resumed run writes them again.
        start_step: the number of steps already done.

    Attributes:
        seconds_before: the time in the last row that was kept.
    """

    def __init__(self, path: Path, start_step: int) -> None:
        self.path = path
        self._columns: list[str] | None = None
        self.seconds_before = 0.0
        if path.exists():
            self._cut_after(start_step)

    def write(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Append a row; a value under a new name adds a column."""
        row = {"step": str(step), "seconds": f"{seconds:.2f}"}
        row |= {name: f"{value:.6g}" for name, value in values.items()}
        if self._columns is None or not row.keys() <= set(self._columns):
            rows = self._rows()
            self._columns = list(dict.fromkeys([*(self._columns or []), *row]))
            write_text(self.path, _csv_text(self._columns, [*rows, row]))
            return
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            stream.write(_csv_text(self._columns, [row], with_header=False))

    def _rows(self) -> list[dict[str, str]]:
        """Read what was written to its end: the last line may be torn, in the middle of a number."""
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace")
        return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))

    def _cut_after(self, step: int) -> None:
        rows = self._rows()
        kept = [row for row in rows if _is_whole(row) and int(row["step"]) <= step]
        if not kept:
            self.path.unlink()
            return
        self._columns = list(kept[0])
        self.seconds_before = float(kept[-1]["seconds"])
        write_text(self.path, _csv_text(self._columns, kept))


class TensorBoardLog:
    """The same numbers as events, if TensorBoard is installed; else nothing happens.

    Args:
        folder: where the event files go.
        start_step: later events of a run that was broken off are hidden.
    """

    def __init__(self, folder: Path, start_step: int) -> None:
        self._writer: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=start_step + 1)

    def write(self, prefix: str, step: int, values: Mapping[str, float]) -> None:
        """Add scalars under `prefix/name`."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{prefix}/{name}", value, step)

    def close(self) -> None:
        """Write out what is left."""
        if self._writer is not None:
            self._writer.close()


def read_log(path: str | Path) -> dict[str, list[float]]:
    """Read a log's columns as numbers (an empty cell is NaN)."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        return {}
    return {name: [float(row[name]) if row[name] else float("nan") for row in rows] for name in rows[0]}


def _csv_text(columns: list[str], rows: list[dict[str, str]], with_header: bool = True) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _is_whole(row: dict[str, str | None]) -> bool:
    """Say whether a row holds a step, a time and a cell for each column: a crash may leave anything."""
    if None in row.values() or None in row or not row["step"].isdigit():
        return False
    try:
        float(row["seconds"])
    except ValueError:
        return False
    return True
