"""Training curves as tables: `losses.csv` with a `step` column and one column per term.

Read here once, drawn by `visualize.plot_losses` in notebooks and by `results_page` as inline SVG.
"""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fommvg_lib.files import InputError

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
NOT_CURVES = {"step", "seconds", "time", "learning_rate"}


def read_curves(source: str | Path | Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Read curves from a CSV file or from rows.

    Args:
        source: a CSV file with a header, or mappings of column name to number, one per row.

    Returns:
        Columns by name, float64 (N,); a cell that is empty or no number is NaN. Without a `step` column
        the rows are counted from 0.

    Raises:
        InputError: if the file cannot be read or holds no row.
    """
    rows = _rows_of_file(Path(source)) if isinstance(source, (str, Path)) else [dict(row) for row in source]
    if not rows:
        raise InputError(f"{source if isinstance(source, (str, Path)) else 'losses'}: no row to draw")
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: np.array([_number(row.get(name)) for row in rows]) for name in names}
    columns.setdefault("step", np.arange(len(rows), dtype=float))
    return columns


def curve_names(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Name the columns that are curves: numeric, and neither step, time nor learning rate."""
    return [
        name for name, values in columns.items() if name not in NOT_CURVES and bool(np.isfinite(values).any())
    ]


def smoothed(values: np.ndarray, span: int) -> np.ndarray:
    """Average over a centred window of `span` rows (shrinking at the ends), ignoring NaN.

    Args:
        values: (N,).
        span: rows in the window; 1 leaves the values as they are.

    Returns:
        (N,); NaN where the window holds no number.
    """
    kernel = np.ones(max(1, min(span, len(values))))
    good = np.isfinite(values)
    count = np.convolve(good.astype(float), kernel, mode="same")
    total = np.convolve(np.where(good, values, 0.0), kernel, mode="same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def curves_svg(columns: Mapping[str, np.ndarray], title: str, max_curves: int = 8) -> str:
    """Draw curves as an SVG that takes its colours from the page (classes c0..c7, currentColor).

    The vertical axis is logarithmic when all values are positive and span more than a factor of 30.

    Args:
        columns: as `read_curves` gives them.
        title: spoken name of the picture.
        max_curves: further curves are left out, and the legend says how many.

    Returns:
        An `<svg>` element with a legend below it, HTML-escaped.
    """
    names = curve_names(columns)
    shown, left_out = names[:max_curves], len(names) - max_curves
    steps = np.asarray(columns["step"], dtype=float)
    values = [smoothed(columns[name], max(1, len(steps) // 100)) for name in shown]
    finite = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.zeros(1)
    low, high = float(finite.min()), float(finite.max())
    is_log = low > 0 and high / low > 30
    scale = np.log10 if is_log else np.asarray
    ticks = _ticks(low, high, is_log)
    y_range = (float(scale(min(low, ticks[0]))), float(scale(max(high, ticks[-1]))))
    x_range = (float(np.nanmin(steps)), float(np.nanmax(steps)))
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
    ]
    for tick in ticks:
        y = _to_pixel(float(scale(tick)), y_range, HEIGHT - BOTTOM, TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.3g}</text>')
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        step = x_range[0] + share * (x_range[1] - x_range[0])
        x = _to_pixel(step, x_range, LEFT, WIDTH - RIGHT)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 23}" text-anchor="{anchor}">{step:,.0f}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">step</text>')
    for index, curve in enumerate(values):
        path = _path(steps, scale(np.where(np.isfinite(curve), curve, np.nan)), x_range, y_range)
        parts.append(f'<path class="c{index}" d="{path}"/>')
    legend = "".join(f'<li><i class="c{i}"></i>{html.escape(name)}</li>' for i, name in enumerate(shown))
    more = f"<li>and {left_out} more in the file</li>" if left_out > 0 else ""
    return "".join(parts) + f'</svg><ul class="legend">{legend}{more}</ul>'


def _rows_of_file(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream, restkey="", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _ticks(low: float, high: float, is_log: bool) -> list[float]:
    if is_log:
        return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    span = (high - low) or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 4))
    unit *= next(factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= 5)
    first, last = math.floor(low / unit), math.ceil(high / unit)
    return [index * unit for index in range(first, max(last, first + 1) + 1)]


def _to_pixel(value: float, bounds: tuple[float, float], start: float, end: float) -> float:
    span = bounds[1] - bounds[0]
    return start + (end - start) * ((value - bounds[0]) / span if span else 0.5)


def _path(
    steps: np.ndarray, values: np.ndarray, x_range: tuple[float, float], y_range: tuple[float, float]
) -> str:
    """Join the finite points, at most 400 of them; a gap starts a new stretch."""
    stride = max(1, math.ceil(len(steps) / 400))
    words, pen = [], "M"
    for step, value in zip(steps[::stride], values[::stride], strict=True):
        if not (math.isfinite(step) and math.isfinite(value)):
            pen = "M"
            continue
        x = _to_pixel(float(step), x_range, LEFT, WIDTH - RIGHT)
        y = _to_pixel(float(value), y_range, HEIGHT - BOTTOM, TOP)
        words.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(words)
