"""Curves: read as written, smoothed without bias, drawn inside the picture."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fommvg_lib.curves import HEIGHT, WIDTH, curve_names, curves_svg, read_curves, smoothed
from fommvg_lib.files import InputError


def write_losses(path: Path) -> Path:
    path.write_text("step,seconds,total,note\n50,1.5,3.0,a\n100,3.0,,b\n150,4.5,1.0,c\n", encoding="utf-8")
    return path


def test_a_file_gives_its_columns_and_gaps(tmp_path: Path):
    columns = read_curves(write_losses(tmp_path / "losses.csv"))
    assert columns["step"].tolist() == [50, 100, 150]
    np.testing.assert_array_equal(columns["total"], [3.0, np.nan, 1.0])
    assert curve_names(columns) == ["total"]


def test_rows_without_steps_are_counted():
    assert read_curves([{"loss": 2}, {"loss": 1}])["step"].tolist() == [0, 1]


def test_a_table_without_rows_is_refused(tmp_path: Path):
    path = tmp_path / "losses.csv"
    path.write_text("step,total\n", encoding="utf-8")
    with pytest.raises(InputError, match="losses.csv"):
        read_curves(path)
    with pytest.raises(InputError, match="absent.csv"):
        read_curves(tmp_path / "absent.csv")


def test_smoothing_keeps_a_constant_and_fills_gaps():
    values = np.array([2.0, 2.0, np.nan, 2.0, 2.0])
    np.testing.assert_allclose(smoothed(values, 3), 2.0)
    np.testing.assert_array_equal(smoothed(values, 1), values)


@pytest.mark.parametrize(
    "values", [[5.0, 3.0, 1.0], [1000.0, 10.0, 0.1], [0.0, 0.0, 0.0], [-3.0, 2.0, np.nan]]
)
def test_a_drawing_is_valid_and_stays_inside(values: list[float]):
    drawn = curves_svg({"step": np.arange(3.0), "total": np.array(values)}, 'losses of "a" & b')
    svg = ElementTree.fromstring(drawn[: drawn.index("</svg>") + 6])
    path = next(element for element in svg if element.tag == "path").get("d")
    points = np.array([[float(n) for n in pair.split()] for pair in re.split("[ML]", path)[1:]])
    assert len(points) == int(np.isfinite(values).sum())
    assert (points >= 0).all() and (points <= [WIDTH, HEIGHT]).all()


def test_lower_loss_is_drawn_lower_down():
    drawn = curves_svg({"step": np.arange(2.0), "total": np.array([5.0, 1.0])}, "losses")
    first, last = (float(pair.split()[1]) for pair in re.search('d="M([^"]+)"', drawn).group(1).split("L"))
    assert last > first


def test_what_is_not_shown_is_said():
    columns = {"step": np.arange(2.0)} | {f"term{i}": np.ones(2) for i in range(11)}
    assert "and 3 more" in curves_svg(columns, "losses")
