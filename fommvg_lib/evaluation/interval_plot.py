"""A table as a picture: a panel for each metric, a row for each method, values as dots with intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from fommvg_lib.evaluation.catalogue import METRICS, NEAR_ONE
from fommvg_lib.evaluation.findings import REAL
from fommvg_lib.evaluation.records import Cell, EvaluationRun
from fommvg_lib.evaluation.table import build_table, seed_groups

COLUMNS = 4
_ARROWS = {"lower": " ← better", "higher": " better →", NEAR_ONE: " (best at 1)"}
_SPREAD = 0.5  # of a row's height that its seeds take
_MANY, _TOO_MANY = 30.0, 1e4  # between least and most of a logarithmic scale; beyond, one is as good as 0
_DECADE = 10.0  # where a logarithmic scale is asked for, but of less it would have one number


def plot_intervals(runs: Sequence[EvaluationRun], metrics: Sequence[str] | None = None) -> Figure:
    """Plot methods against metrics.

    A method of one seed is a dot with its 95 % interval; of several seeds each is a dot with its own, and a
    stroke stands at their mean. What has no figure says so in its row. Panels whose values are all positive
    and span a factor of 30 to 10,000 have a logarithmic axis.

    Args:
        runs: of one protocol, measured alike.
        metrics: the panels, in order; None takes all that a method has.

    Raises:
        InputError: if runs were not measured alike.
        ValueError: if there is no run, or no metric to show.
    """
    table, groups = build_table(runs, metrics), seed_groups(runs)
    if not table.metrics:
        raise ValueError("no method has a figure")
    return plot_cells(
        {
            metric: {name: [table.rows[label][metric] for label in labels] for name, labels in groups.items()}
            for metric in table.metrics
        }
    )


def plot_cells(
    panels: Mapping[str, Mapping[str, Sequence[Cell]]], logarithmic: Collection[str] = ()
) -> Figure:
    """Plot figures that are there already, as `plot_intervals` does.

    Args:
        panels: by metric the cells of each method, one for each seed; the same methods in all.
        logarithmic: metrics whose axis is logarithmic if values span a decade or more; linear up to the
            least above 0 where some are 0.
    """
    methods = list(next(iter(panels.values())))
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    size = (1.3 + 2.3 * columns, rows * (0.75 + 0.24 * len(methods)))
    figure = Figure(figsize=size, layout="constrained")
    places = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for axes, (metric, cells) in zip(places, panels.items(), strict=False):
        _draw(axes, metric, cells, metric in logarithmic)
    places[0].set(yticks=range(len(methods)), yticklabels=methods, ylim=(len(methods) - 0.5, -0.5))
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    return figure


def _draw(axes: Axes, metric: str, rows: Mapping[str, Sequence[Cell]], is_log: bool) -> None:
    known = METRICS.get(metric)
    axes.set_title(metric + (_ARROWS.get(known.better, "") if known else ""), fontsize=8, loc="left")
    axes.set_xlabel(known.unit if known else "", fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=7)
    for place, (name, cells) in enumerate(rows.items()):
        _draw_row(axes, place, cells, name == REAL)
    _scale(axes, [end for cells in rows.values() for cell in cells for end in _finite(cell)], is_log)
    if known and known.better == NEAR_ONE:
        axes.axvline(1, color="0.6", linewidth=0.8, linestyle=":", zorder=0)


def _scale(axes: Axes, ends: Sequence[float], is_log: bool) -> None:
    """Make the axis logarithmic where values ask for it, with at least a decade on it."""
    above = [end for end in ends if end > 0]
    factor = max(above) / min(above) if above else 1.0
    has_others = len(above) < len(ends)
    if is_log and has_others and factor > _DECADE:
        axes.set_xscale("symlog", linthresh=min(above))
    elif not has_others and (_MANY < factor < _TOO_MANY or (is_log and factor > _DECADE)):
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
        return
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_row(axes: Axes, place: int, cells: Sequence[Cell], is_real: bool) -> None:
    """Draw a method's seeds around its line; what real clips score is grey."""
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(cells)) if len(cells) > 1 else [0.0]
    shown = [(cell, place + y) for cell, y in zip(cells, offsets, strict=True) if _finite(cell)]
    color = "0.4" if is_real else f"C{place % 10}"
    for cell, y in shown:
        if cell.low is not None:
            axes.plot([cell.low, cell.high], [y, y], color=color, linewidth=1.2, alpha=0.7)
        axes.plot([cell.value], [y], "o", color=color, markersize=4 if len(cells) == 1 else 3)
    if len(shown) > 1:
        mean = sum(cell.value for cell, _ in shown) / len(shown)
        axes.plot([mean, mean], [place - 0.4, place + 0.4], color="0.2", linewidth=1)
    if not shown and not is_real:
        word = "infinite" if cells[0].absent is None else cells[0].absent.replace("available", "avail.")
        axes.text(
            0.98, place, word, transform=axes.get_yaxis_transform(), fontsize=6, color="0.5",
            ha="right", va="center",
        )  # fmt: skip


def _finite(cell: Cell) -> list[float]:
    """Give a figure and the ends of its interval; nothing if it is absent or infinite."""
    found = [] if cell.value is None else [cell.value, *([] if cell.low is None else [cell.low, cell.high])]
    return found if all(map(math.isfinite, found)) else []
