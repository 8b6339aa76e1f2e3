"""Figures: losses, keypoint tracks, principal directions.

Each function returns a `matplotlib.figure.Figure` made without pyplot, so nothing needs a display, is kept
alive or leaks from one plot into the next. In a notebook: `show_image(plot_losses(...))`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fommvg_lib.curves import curve_names, read_curves, smoothed
from fommvg_lib.motion import Motion


def plot_losses(
    source: str | Path | Iterable[Mapping[str, Any]],
    names: Sequence[str] | None = None,
    span: int = 1,
    unit: str = "loss (no unit)",
    is_log: bool = False,
) -> Figure:
    """Plot training curves against the step.

    Args:
        source: `losses.csv` or rows, see `curves.read_curves`.
        names: the columns to draw; None for every curve.
        span: rows averaged; above 1 the raw curve stays visible, pale, behind the smooth one.
        unit: label of the vertical axis.
        is_log: logarithmic vertical axis.

    Returns:
        The figure.

    Raises:
        ValueError: naming a column that is not there.
        InputError: if the file cannot be read or is empty.
    """
    columns = read_curves(source)
    chosen = list(names) if names is not None else curve_names(columns)
    missing = [name for name in chosen if name not in columns]
    if missing:
        raise ValueError(f"no curve {missing[0]!r}; there are {', '.join(curve_names(columns))}")
    figure, axes = _new_figure(7.0, 3.2)
    for index, name in enumerate(chosen):
        color = f"C{index % 10}"
        if span > 1:
            axes.plot(columns["step"], columns[name], color=color, alpha=0.25, linewidth=0.8)
        axes.plot(columns["step"], smoothed(columns[name], span), color=color, linewidth=1.5, label=name)
    axes.set(xlabel="training step", ylabel=unit, yscale="log" if is_log else "linear")
    if chosen:
        axes.legend(fontsize=8, frameon=False, ncols=1 + len(chosen) // 7)
    return figure


def plot_tracks(
    motions: Motion | Mapping[str, Motion], kps: Sequence[int] | None = None, fps: float | None = None
) -> Figure:
    """Plot keypoint coordinates over time: x in the left panel, y in the right.

    Args:
        motions: motion over time (T,), or several by name; the second is dashed, the third dotted.
        kps: indices of the keypoints drawn; None for all.
        fps: frames per second; None labels the time axis in frames.

    Returns:
        The figure.
    """
    named = {"": motions} if isinstance(motions, Motion) else dict(motions)
    figure, (left, right) = _new_figure(9.0, 3.2, num=2)
    colors = matplotlib.colormaps["gist_rainbow"]
    for index, (name, motion) in enumerate(named.items()):
        value = motion.value.detach().float().cpu().numpy()  # (T, K, 2)
        times = np.arange(len(value)) / (fps or 1.0)
        for order, k in enumerate(range(motion.num_kp) if kps is None else kps):
            style = {"color": colors(k / motion.num_kp), "linestyle": ["-", "--", ":", "-."][index % 4]}
            left.plot(
                times, value[:, k, 0], label=name if order == 0 and name else None, linewidth=1.2, **style
            )
            right.plot(times, value[:, k, 1], linewidth=1.2, **style)
    unit = "s" if fps else "frames"
    left.set(xlabel=f"time ({unit})", ylabel="x, right (-1 to 1)")
    right.set(xlabel=f"time ({unit})", ylabel="y, down (-1 to 1)")
    right.invert_yaxis()
    if any(named):
        left.legend(fontsize=8, frameon=False)
    return figure


def plot_pca_directions(
    mean: Motion,
    components: Any,
    shares: Sequence[float] | None = None,
    num: int = 6,
    length: float = 0.5,
) -> Figure:
    """Draw where each principal direction of motion takes every keypoint.

    Args:
        mean: K keypoints from which the arrows start, leading axes () or (1,).
        components: (N, D), rows in the order of `Motion.vectors`; the first 2K entries are drawn.
        shares: variance explained by each, 0 to 1, written above the panel; None writes none.
        num: panels drawn.
        length: of the longest arrow in a panel, in keypoint units.

    Returns:
        The figure.
    """
    directions = np.asarray(components, dtype=float)[:num, : 2 * mean.num_kp]
    start = mean.value.detach().float().cpu().reshape(-1, 2).numpy()
    colors = matplotlib.colormaps["gist_rainbow"](np.arange(mean.num_kp) / mean.num_kp)
    figure, panels = _new_figure(1.9 * len(directions), 2.2, num=len(directions))
    for index, (axes, direction) in enumerate(zip(np.atleast_1d(panels), directions, strict=True)):
        arrows = direction.reshape(-1, 2)
        arrows = arrows * length / max(float(np.hypot(*arrows.T).max()), 1e-12)
        axes.quiver(*start.T, *arrows.T, color=colors, angles="xy", scale_units="xy", scale=1, width=0.02)
        axes.scatter(*start.T, color=colors, s=12)
        share = "" if shares is None else f", {100 * shares[index]:.0f} %"
        axes.set_title(f"{index + 1}{share}", fontsize=9)
        axes.set(xlim=(-1.1, 1.1), ylim=(1.1, -1.1), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    return figure


def _new_figure(width: float, height: float, num: int = 1) -> tuple[Figure, Any]:
    """Make a figure of `num` panels side by side; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(1, num)
    for axes in np.atleast_1d(panels):
        _lighten(axes)
    return figure, panels


def _lighten(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=8)
