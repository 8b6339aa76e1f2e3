"""The table as pictures: for each task methods against metrics, a dot with its interval for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fommvg_lib.evaluation.interval_plot import plot_cells
from fommvg_lib.evaluation.records import Cell
from fommvg_lib.video_io import write_image
from fommvg_lib.visualize import figure_picture

FRECHET = ("frechet_displacement", "frechet_velocity", "frechet_acceleration")
SHOWN = (*FRECHET, "best_error", "diversity", "frozen_share", "jerk", "blink_rate")


def draw_table(records: list[dict[str, Any]], task: str, path: Path) -> None:
    """Write the picture of a task.

    Args:
        records: of runs, see `one_run`.
        task: which of their figures.
        path: of the png.
    """
    figures = [(record["method"], record["figures"].get(task)) for record in records]
    panels: dict[str, dict[str, list[Cell]]] = {}
    for metric in SHOWN:
        if not any(figure and metric in figure for _, figure in figures):
            continue
        cells = panels.setdefault(metric, {})
        for method, figure in figures:
            if figure:
                cells.setdefault(method, []).append(_cell(figure.get(metric)))
    write_image(path, figure_picture(plot_cells(panels, (*FRECHET, "best_error", "jerk"))))


def _cell(figure: dict[str, float] | None) -> Cell:
    if figure is None:
        return Cell(absent="not applicable", reason="means nothing for this method")
    return Cell(figure["value"], figure["low"], figure["high"], figure["n"], figure["num_identities"])
