"""Figures with intervals: closed cases of the bootstrap."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from fommvg_lib.metrics.measured import (
    Measured,
    bootstrap,
    draw_identities,
    split_identities,
    weighted_mean,
)


def mean_of(values):
    return lambda weights: weighted_mean(values, weights)


def test_the_value_is_of_all_clips_and_the_interval_is_that_of_a_mean():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    figure = bootstrap(mean_of(values), [[str(i) for i in range(400)]], seed=3, num_draws=2000)
    assert figure.value == pytest.approx(values.mean().item())
    deviation = values.std().item() / 400**0.5
    assert figure.low == pytest.approx(figure.value - 1.96 * deviation, abs=0.15 * deviation)
    assert figure.high == pytest.approx(figure.value + 1.96 * deviation, abs=0.15 * deviation)
    assert (figure.n, figure.num_identities, figure.seed) == (400, 400, 3)


def test_clips_of_a_person_are_drawn_together():
    """Eight equal clips of each person tell no more than one: the interval stays that of 50 people."""
    values = torch.randn(50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    people = [str(i) for i in range(50)]
    alone = bootstrap(mean_of(values), [people], num_draws=500)
    eightfold = bootstrap(mean_of(values.repeat(8)), [people * 8], num_draws=500)
    assert eightfold.high - eightfold.low == pytest.approx(alone.high - alone.low)
    assert (eightfold.n, eightfold.num_identities) == (400, 50)
    weights = draw_identities(people * 8, 5, np.random.default_rng(0))
    assert weights.shape == (5, 400) and torch.equal(weights[:, :50], weights[:, -50:])
    assert weights.sum(dim=1).tolist() == [400.0] * 5


def test_the_seed_decides_the_draws():
    values, people = torch.arange(20.0), [[str(i) for i in range(20)]]
    first, again, other = (bootstrap(mean_of(values), people, seed) for seed in (1, 1, 2))
    assert first == again and (first.low, first.high) != (other.low, other.high)


def test_one_person_has_no_interval():
    figure = bootstrap(mean_of(torch.tensor([1.0, 3.0])), [["a", "a"]])
    assert (figure.low, figure.value, figure.high) == (2.0, 2.0, 2.0)


def test_recentring_puts_the_median_of_the_draws_at_the_value():
    def count_distinct(weights):  # repeated clips alone lower it
        return float((weights > 0).sum())

    people = [[str(i) for i in range(30)]]
    plain, recentred = (bootstrap(count_distinct, people, recentre=flag) for flag in (False, True))
    assert plain.high < plain.value == 30
    assert recentred.low < 30 < recentred.high
    assert recentred.high - recentred.low == pytest.approx(plain.high - plain.low)


def test_draws_without_a_statistic_are_left_out_and_a_value_without_one_is_refused():
    def first_clip(weights):
        return 7.0 if weights[0] > 0 else math.nan

    figure = bootstrap(first_clip, [["a", "b", "c"]])
    assert (figure.low, figure.high) == (7.0, 7.0)
    with pytest.raises(ValueError, match="nan"):
        bootstrap(lambda weights: math.nan, [["a"]])
    with pytest.raises(ValueError, match="empty"):
        bootstrap(first_clip, [[]])


def test_a_figure_is_plain_json():
    figure = Measured(1.0, 0.5, 1.5, 10, 5, 0)
    assert json.loads(json.dumps(figure.to_dict()))["num_identities"] == 5
    assert str(figure) == "1 (0.5 to 1.5)"


def test_sets_that_share_no_person():
    first, second = split_identities(["a", "a", "b", "c", "b"])
    assert (first, second) == ([0, 1, 3], [2, 4])
    assert split_identities(["a", "a"]) == ([0, 1], [])
