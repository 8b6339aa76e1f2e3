"""Several samples: the best carries its N, diversity counts pairs, a jump into the end is seen."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.metrics.samples import best_of_n, end_jump, pixel_diversity


def test_the_best_is_each_conditions_own():
    figures = torch.tensor([[1.0, 4.0], [3.0, 2.0]])
    found = best_of_n(figures)
    assert (found.best, found.mean, found.num_samples) == (1.5, 2.5, 2)
    assert best_of_n(figures, higher_is_better=True).best == 3.5
    assert str(found) == "1.5 (best of 2), 2.5 (mean)"
    assert best_of_n(figures[:1]).best == best_of_n(figures[:1]).mean


@pytest.mark.parametrize("figures", [torch.ones(3), torch.ones(0, 2), torch.tensor([[float("nan")]])])
def test_figures_that_are_none_are_refused(figures):
    with pytest.raises(ValueError, match="without NaN"):
        best_of_n(figures)


def test_diversity_is_the_mean_over_pairs():
    levels = torch.tensor([0.0, 0.3, 0.9]).view(3, 1, 1, 1, 1, 1).expand(3, 2, 4, 1, 2, 2)
    assert pixel_diversity(levels).tolist() == pytest.approx([0.6, 0.6])
    assert pixel_diversity(levels[:1].repeat(2, 1, 1, 1, 1, 1)).tolist() == [0, 0]
    with pytest.raises(ValueError, match="S >= 2"):
        pixel_diversity(levels[:1])


def test_a_jump_into_the_end_is_above_one():
    real = torch.linspace(0, 1, 5).view(1, 5, 1, 1, 1).expand(2, 5, 3, 2, 2).clone()
    assert end_jump(real, real).tolist() == [1, 1]
    still = real[:, :1].expand_as(real).clone()
    still[:, -1] = real[:, -1]
    assert end_jump(real, still).tolist() == pytest.approx([4, 4])
    with pytest.raises(ValueError, match="changes nothing"):
        end_jump(real[:, :1].repeat(1, 5, 1, 1, 1), real)
    with pytest.raises(ValueError, match="T >= 2"):
        end_jump(real, real[:, 1:])
