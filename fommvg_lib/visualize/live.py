"""Training curves that follow a run in a notebook."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fommvg_lib.visualize.plots import plot_losses
from fommvg_lib.visualize.show import has_front_end, show_image


class LivePlot:
    """Draws `losses.csv` while a run goes on: `fit(..., on_log=LivePlot())`.

    One picture in the cell's output is replaced, at most every few seconds. Where nobody looks on (papermill,
    nbval, a script) nothing is shown.

    Args:
        every: seconds between pictures at least.
        names: the columns to draw; None for every curve.
        span: rows averaged.
    """

    def __init__(self, every: float = 5.0, names: Sequence[str] | None = None, span: int = 1) -> None:
        self.every, self.names, self.span = every, names, span
        self._handle: Any = None
        self._shown_at = float("-inf")

    def __call__(self, folder: Path) -> None:
        """Show the curves of a run folder, if it is time."""
        now = time.monotonic()
        if now - self._shown_at < self.every or not has_front_end():
            return
        from IPython.display import display

        self._shown_at = now
        picture = show_image(plot_losses(Path(folder) / "losses.csv", self.names, self.span))
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
