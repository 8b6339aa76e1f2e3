"""Figures: they hold the data they were given, with units on their axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fommvg_lib.motion import Motion
from fommvg_lib.visualize import figure_picture, plot_losses, plot_pca_directions, plot_tracks

ROWS = [{"step": 10 * i, "seconds": i, "total": 5.0 - i, "value": 1.0} for i in range(4)]


def test_losses_are_drawn_over_steps_without_the_clock(tmp_path: Path):
    axes = plot_losses(ROWS).axes[0]
    assert [line.get_label() for line in axes.lines] == ["total", "value"]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 5], [10, 4], [20, 3], [30, 2]])
    assert axes.get_xlabel() == "training step"
    assert "unit" in axes.get_ylabel()


def test_one_curve_can_be_chosen_and_a_wrong_name_is_said():
    assert len(plot_losses(ROWS, names=["total"], span=3).axes[0].lines) == 2
    with pytest.raises(ValueError, match="'totl'.*total"):
        plot_losses(ROWS, names=["totl"])


def test_tracks_show_x_and_y_over_seconds():
    value = torch.linspace(-1, 1, 12).reshape(3, 2, 2)
    left, right = plot_tracks({"real": Motion(value), "made": Motion(value)}, kps=[1], fps=2).axes
    assert len(left.lines) == len(right.lines) == 2
    np.testing.assert_allclose(
        left.lines[0].get_xydata(), [[0, value[0, 1, 0]], [0.5, value[1, 1, 0]], [1, value[2, 1, 0]]]
    )
    assert left.get_xlabel() == "time (s)"
    assert plot_tracks(Motion(value)).axes[0].get_xlabel() == "time (frames)"


def test_each_direction_gets_a_panel_with_its_share():
    mean = Motion(torch.zeros(1, 3, 2))
    figure = plot_pca_directions(mean, np.eye(18)[:4], shares=[0.5, 0.25, 0.2, 0.05], num=3)
    assert [axes.get_title() for axes in figure.axes] == ["1, 50 %", "2, 25 %", "3, 20 %"]
    assert plot_pca_directions(mean, np.eye(6)[:1]).axes[0].get_title() == "1"


def test_a_figure_becomes_a_picture_without_a_display():
    picture = figure_picture(plot_losses(ROWS), dpi=50)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.std() > 0
