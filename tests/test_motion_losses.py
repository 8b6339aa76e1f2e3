"""Facts about the losses of the motion generators; their published values are in `tests/parity`."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.motion_losses import (
    active_steps,
    best_of,
    energy_score,
    gradient_penalty,
    lag_moments,
    moment_matching,
    noise_recovery,
    paired_ends,
)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_vp_schedule_of_scored_steps():
    assert [active_steps(epoch, 100, 15) for epoch in (0, 99, 100, 1500)] == [1, 1, 2, 15]


def test_fi_schedule_of_scored_steps():
    assert [active_steps(epoch, 200, 8) for epoch in (0, 199, 200, 999, 5000)] == [1, 1, 2, 5, 8]


def test_fixed_moment_term_is_zero_for_the_wanted_moments_and_grows_when_motion_doubles():
    stdev = torch.linspace(0.03, 0.002, 30).double()
    drawn = normal(20000, 30) * stdev

    def term(samples):
        return moment_matching(samples.mean(dim=0), samples.var(dim=0), stdev).item()

    assert 0 <= term(drawn) < 0.01
    assert term(2 * drawn) > 10 and term(0.5 * drawn) > 5


def test_fixed_moment_term_is_the_gaussian_divergence():
    mean, variance, stdev = torch.tensor([0.3, -0.1]), torch.tensor([0.5, 2.0]), torch.tensor([0.8, 1.5])
    found, wanted = (torch.distributions.Normal(m, s) for m, s in ((mean, variance.sqrt()), (0.0, stdev)))
    expected = torch.distributions.kl_divergence(found, wanted).sum()
    torch.testing.assert_close(moment_matching(mean, variance, stdev), expected)


def test_legacy_moment_term_pulls_the_variance_to_the_deviation():
    stdev = torch.tensor([0.03])
    values = [
        moment_matching(torch.zeros(1), torch.tensor([v]), stdev, "legacy") for v in (0.0009, 0.03, 0.06)
    ]
    assert values[1] < values[0] and values[1] < values[2] and values[1] == pytest.approx(0, abs=1e-7)


def test_energy_score_of_single_numbers_is_the_known_formula():
    a, b, x = (torch.tensor(v).double().reshape(1, 1, 1) for v in (1.0, 3.0, -2.0))
    assert energy_score(a, b, x).item() == pytest.approx(3 * 0.5 * (3 + 5 - 2))


def test_energy_score_is_smallest_where_samples_are_drawn_as_the_real_ones_are():
    real = normal(4000, 3, 2)

    def score(spread, shift=0.0):
        first, second = (spread * normal(4000, 3, 2, seed=s) + shift for s in (1, 2))
        return energy_score(first, second, real).item()

    assert score(1.0) < min(score(0.0), score(0.5), score(1.6), score(1.0, shift=0.5))


def test_energy_score_pulls_equal_samples_apart():
    sample = torch.zeros(1, 4, 2, dtype=torch.float64)
    first = sample.clone().requires_grad_()
    energy_score(first + 1e-3, sample - 1e-3, sample).backward()
    together = energy_score(sample, sample, normal(64, 4, 2)).item()
    first_apart, second_apart = normal(64, 4, 2, seed=1), normal(64, 4, 2, seed=2)
    assert first.grad.isfinite().all()
    assert energy_score(first_apart, second_apart, normal(64, 4, 2)).item() < together


def test_energy_score_of_equal_windows_is_zero_and_has_a_finite_gradient():
    window = normal(2, 4, 3).requires_grad_()
    score = energy_score(window, window, window.detach())
    score.backward()
    assert score.item() == pytest.approx(0, abs=1e-9) and window.grad.isfinite().all()


def test_unknown_moment_form_raises():
    with pytest.raises(ValueError, match="other"):
        moment_matching(*[torch.ones(2)] * 3, form="other")


def test_lag_moments_of_a_random_walk_grow_with_the_lag_and_lag_zero_is_the_second_difference():
    path = normal(400, 60, 2).cumsum(dim=1)
    mean, variance = lag_moments(path, (1, 4, 0, 80))
    assert mean.shape == variance.shape == (3, 2)  # lag 80 is beyond the path
    torch.testing.assert_close(
        variance, torch.tensor([1.0, 4, 2]).double()[:, None].expand(3, 2), rtol=0.1, atol=0
    )


def test_best_of_takes_the_nearest_candidate_per_item():
    real = torch.zeros(2, 3, 1)
    candidates = torch.tensor([[1.0, 5.0], [4.0, 2.0]])[:, :, None, None].expand(2, 2, 3, 1)
    assert best_of(candidates, real) == 1.5


def test_recovered_noise_scores_minus_one():
    noise = normal(3, 4, 5)
    assert noise_recovery(7 * noise, noise) == pytest.approx(-1)
    assert noise_recovery(-noise, noise) == pytest.approx(1)


def test_paired_ends_look_inwards_from_both_ends():
    motion = torch.tensor([0.0, 1, 3, 6, 10])[None, :, None]
    assert paired_ends(motion, 2)[0].tolist() == [[0, 10, 1, 4], [1, 6, 2, 3]]


def test_detached_positions_leave_the_differences_in_the_graph():
    motion = normal(1, 5, 1).requires_grad_()
    weight = torch.tensor([1.0, 1, 0, 0]).double()
    (paired_ends(motion, 2, detach_positions=True) * (1 - weight)).sum().backward()
    assert motion.grad.abs().sum() > 0
    assert not (paired_ends(motion, 2, detach_positions=True) * weight).sum().isnan()
    gradient = torch.autograd.grad((paired_ends(motion, 2) * weight).sum(), motion)[0]
    assert gradient[0, :, 0].tolist() == [1, 1, 0, 1, 1]


def test_gradient_penalty_of_a_linear_critic_is_its_squared_weight():
    real, weight = normal(6, 3).requires_grad_(), torch.tensor([1.0, 2, 2]).double()
    assert gradient_penalty(real @ weight, real) == pytest.approx(9)
