"""Tables of what bulk work did, as CSV: what was rejected and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from fommvg_lib.files import write_text


def rows_as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Give rows as CSV text; bytes of a file's name that are no UTF-8 are written as \\udcXX."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")


def write_rejected(path: Path, rejected: dict[str, str], what: str = "clip") -> None:
    """List what was rejected, with reasons, in a CSV file; an empty list removes an old file.

    Raises:
        InputError: if it cannot be written.
    """
    if not rejected:
        if path.exists():
            path.unlink()
        return
    write_text(path, rows_as_csv([(what, "reason"), *rejected.items()]))
