"""Figures and facts as HTML tables and as words; everything that goes in is escaped here."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Show figures as HTML: plain ones as name and value, mappings of mappings as a table each."""
    flat = {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}
    parts = [table([], [[name, value] for name, value in flat.items()])] if flat else []
    for name, value in metrics.items():
        if not isinstance(value, Mapping):
            continue
        parts.append(f"<h4>{html.escape(name)}</h4>")
        rows = {key: row for key, row in value.items() if isinstance(row, Mapping)}
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        if rows:
            parts.append(table(["", *columns], [[key, *map(row.get, columns)] for key, row in rows.items()]))
        rest = [[key, item] for key, item in value.items() if key not in rows]
        parts += [table([], rest)] if rest else []
    return "".join(parts)


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Give a table; the first cell of a row names it, numbers stand to the right.

    Args:
        head: column names, or none for a table without a head.
        rows: cells; None leaves one empty.

    Returns:
        A `<table>` element.
    """
    top = "".join(f"<th{_number_class(i)}>{html.escape(str(name))}</th>" for i, name in enumerate(head))
    body = "".join("<tr>" + "".join(_cell(i, value) for i, value in enumerate(row)) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _cell(index: int, value: Any) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else words(value)
    if index == 0:
        return f'<th scope="row">{html.escape(text)}</th>'
    return f"<td{_number_class(1) if is_number else ''}>{html.escape(text)}</td>"


def _number_class(index: int) -> str:
    return ' class="number"' if index else ""


def words(value: Any) -> str:
    """Say a plain value, however nested, in one line (not escaped)."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(words(item) for item in value)
    return "none" if value is None else str(value)


def duration(seconds: float) -> str:
    """Say a time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def count(number: int, noun: str) -> str:
    """Say "1 run" or "3 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
