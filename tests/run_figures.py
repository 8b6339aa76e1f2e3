"""Figures of run files by name, for tests of what pages say of them.

A source is "<run> <entry>", a run being a folder of `results/` (its `metrics.json`) or a file of one, an
entry the keys joined by dots; or a function that works a figure out of such entries.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import cache

from tests.test_repository import ROOT

RESULTS = ROOT / "results"
Source = str | Callable[[], float | str]


@cache
def _read(name: str) -> dict:
    path = RESULTS / name
    return json.loads((path if path.suffix else path / "metrics.json").read_text(encoding="utf-8"))


def entry(source: Source) -> float | str:
    """Give the figure that a source names."""
    if callable(source):
        return source()
    run, keys = source.split(" ", 1)
    value = _read(run)
    for key in keys.split("."):
        value = value[key]
    return value


def ratio(above: str, below: str) -> Callable[[], float]:
    """Divide two entries."""
    return lambda: entry(above) / entry(below)


def times(factor: float, source: str) -> Callable[[], float]:
    """Multiply an entry."""
    return lambda: factor * entry(source)


def least(*sources: Source) -> Callable[[], float]:
    """Take the smallest of several entries; one that is a list counts with its items."""
    return lambda: min(_items(sources))


def most(*sources: Source) -> Callable[[], float]:
    """Take the largest."""
    return lambda: max(_items(sources))


def mean(*sources: Source) -> Callable[[], float]:
    """Take the mean."""
    return lambda: sum(_items(sources)) / len(_items(sources))


def _items(sources: tuple[Source, ...]) -> list[float]:
    values = [entry(source) for source in sources]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def curve(path: str, column: str, minutes: float) -> Callable[[], float]:
    """Read a curve where it first is this old."""

    def read() -> float:
        with (RESULTS / path).open(encoding="utf-8", newline="") as file:
            rows = [(float(row["seconds"]) / 60, float(row[column])) for row in csv.DictReader(file)]
        (before, first), (after, second) = next(
            pair for pair in zip(rows, rows[1:], strict=False) if pair[1][0] >= minutes
        )
        return first + (second - first) * (minutes - before) / (after - before)

    return read


def lowest(path: str, column: str, wanted: str) -> Callable[[], float]:
    """Give another column of a curve where one is lowest."""

    def read() -> float:
        with (RESULTS / path).open(encoding="utf-8", newline="") as file:
            return float(min(csv.DictReader(file), key=lambda row: float(row[column]))[wanted])

    return read


COURSE = "bench/course"
SHIPPED = ("ar", "fi", "flow", "fomm", "landmarks", "tpsmm", "vp", "wgan")
MOTION = ("frechet_displacement", "frechet_velocity", "frechet_acceleration")


def shipped_hours() -> float:
    """Add up what training the shipped weights took."""
    return sum(entry(f"weights/heads64-{name}/manifest.json seconds") for name in SHIPPED) / 3600


def motions(table: str, task: str, method: str, seeds: int = 0) -> list[str]:
    """Name the three Fréchet distances of a method in the motion table."""
    return [f"motion_table/{table} {task}.{method}, seed {seeds}.{name}" for name in MOTION]


def ablated(name: str) -> list[Source]:
    """Name the three distances of a row of the ablation, and its diversity."""
    task = "video_prediction" if name.startswith("vp") else "frame_interpolation"
    return [f"motion_ablation {task}.{name}, seed 0.{figure}" for figure in (*MOTION, "diversity")]


def seeds_of(table: str, task: str, method: str, figure: str) -> list[str]:
    """Name a figure of a method in the motion table, for each seed that is there."""
    rows = entry(f"motion_table/{table} {task}")
    names = [f"{method}, seed {seed}" for seed in range(3)]
    return [f"motion_table/{table} {task}.{name}.{figure}" for name in names if name in rows]


def course(figure: str) -> list[str]:
    """Name a figure of all notebooks of the recorded course."""
    return [f"{COURSE} notebooks.{name}.{figure}" for name in entry(f"{COURSE} notebooks")]


def stability(figure: str) -> list[str]:
    """Name a figure of the four runs of the stability page."""
    runs = [f"align_corners_{grid}_{loss}_GAN" for grid in (True, False) for loss in ("with", "no")]
    return [f"stability/{run} {figure}" for run in runs]


def spikes() -> list[Source]:
    """Name the largest gradient norms of those runs over their medians."""
    largest, median = (stability(f"{which}_grad_norm_kp_detector") for which in ("largest", "median"))
    return [ratio(*pair) for pair in zip(largest, median, strict=True)]


def evaluated(protocol: str, method: str, metric: str) -> str:
    """Name a cell of an evaluation."""
    return f"evaluation/{protocol} methods.{method}.{metric}.value"


def share_of_making(protocol: str) -> float:
    """Give what measuring FOMM and TPSMM took, over making their clips."""
    parts = [
        entry(f"evaluation/{protocol}/manifest.json processor_seconds.{kind}") for kind in ("fomm", "tpsmm")
    ]
    making = sum(part["making"] for part in parts)
    return (sum(sum(part.values()) for part in parts) - making) / making


def over_real(table: str) -> list[Source]:
    """Name motion flow's distances from one frame, of all seeds, over those of real clips."""
    task = "video_prediction"
    return [
        ratio(row, f"motion_table/{table} {task}.real, seed 0.{name}")
        for name in MOTION
        for row in seeds_of(table, task, "flow", name)
    ]


def over_linear(table: str, method: str, figure: str, seed: int | None = None) -> Callable[[], float]:
    """Divide a figure between two frames, of one seed or the mean of all, by linear's."""
    task = "frame_interpolation"
    chosen = mean(*seeds_of(table, task, method, figure))
    if seed is not None:
        chosen = f"motion_table/{table} {task}.{method}, seed {seed}.{figure}"
    return lambda: entry(chosen) / entry(f"motion_table/{table} {task}.linear, seed 0.{figure}")
