"""Loss logs: `losses.csv` (means over the steps since the last row) and `validation.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

from torch import Tensor


class LossLog:
    """Collects the terms of each step and writes their means as rows.

    Args:
        path: the CSV file; rows beyond `start_step` are cut off, as a resumed run writes them again.
        start_step: the number of steps already done.
    """

    def __init__(self, path: Path, start_step: int) -> None:
        self.path = path
        self._terms: dict[str, list[Tensor | float]] = {}
        self._columns: list[str] | None = None
        self.seconds_before = 0.0
        if path.exists():
            self._cut_after(start_step)

    def add(self, terms: dict[str, Tensor | float]) -> None:
        """Take one step's terms; nothing is read from the device before `write`."""
        for name, value in terms.items():
            self._terms.setdefault(name, []).append(value)

    def write(self, step: int, seconds: float) -> dict[str, float]:
        """Append the means since the last row; give them."""
        means = {name: sum(float(v) for v in values) / len(values) for name, values in self._terms.items()}
        self._terms.clear()
        row = {"step": step, "seconds": round(self.seconds_before + seconds, 2), **means}
        if self._columns is None:
            self._columns = list(row)
            with self.path.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerow(self._columns)
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow([_text(row.get(name, "")) for name in self._columns])
        return means

    def _cut_after(self, step: int) -> None:
        with self.path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        kept = [row for row in rows if row["step"] and int(row["step"]) <= step]
        if not kept:
            self.path.unlink()
            return
        self._columns = list(kept[0])
        self.seconds_before = float(kept[-1]["seconds"])
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, self._columns)
            writer.writeheader()
            writer.writerows(kept)


def read_log(path: str | Path) -> dict[str, list[float]]:
    """Read a log's columns as numbers (an empty cell is NaN)."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        return {}
    return {name: [float(row[name]) if row[name] else float("nan") for row in rows] for name in rows[0]}


def _text(value: float | int | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
