"""Facts about the motion metrics, with closed forms where there are any."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from fommvg_lib.metrics.motion import best_of_n_l1, drift, frechet_distance, frozen_share, motion_frechet


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(rows, num_dims, seed=0):
    """Samples with mean 0 and covariance exactly the identity."""
    samples = normal(rows, num_dims, seed=seed)
    samples = samples - samples.mean(dim=0)
    root = torch.linalg.cholesky(samples.T @ samples / (rows - 1))
    return torch.linalg.solve_triangular(root, samples.T, upper=False).T


def test_equal_sets_have_distance_zero():
    samples = normal(50, 6)
    assert frechet_distance(samples, samples) == pytest.approx(0, abs=1e-10)


def test_shifted_gaussians_differ_by_the_squared_shift():
    samples, shift = whitened(40, 5), torch.tensor([1.0, -2, 0, 0.5, 0]).double()
    assert frechet_distance(samples, samples + shift) == pytest.approx(5.25, rel=1e-9)


def test_scaled_gaussians_differ_by_the_squared_difference_of_deviations():
    first, second = whitened(40, 4), whitened(70, 4, seed=1)
    scale = torch.tensor([1.0, 2, 3, 0]).double()
    assert frechet_distance(first, second * scale) == pytest.approx(0 + 1 + 4 + 1, rel=1e-9)


def test_distance_equals_the_matrix_root_form():
    first = normal(60, 5) @ normal(5, 5, seed=2)
    second = normal(80, 5, seed=3) @ normal(5, 5, seed=4) + 0.3
    cov = [np.cov(x.numpy().T) for x in (first, second)]
    root = scipy.linalg.sqrtm(cov[0] @ cov[1]).real
    gap = (first.mean(0) - second.mean(0)).square().sum().item()
    expected = gap + np.trace(cov[0]) + np.trace(cov[1]) - 2 * np.trace(root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_fewer_samples_than_dimensions_still_give_a_distance():
    samples = normal(4, 30)
    assert frechet_distance(samples, samples + 1) == pytest.approx(30, rel=1e-9)


def test_shapes_that_do_not_fit_raise():
    with pytest.raises(ValueError, match="expected"):
        frechet_distance(normal(4, 3), normal(4, 2))
    with pytest.raises(ValueError, match="expected"):
        frechet_distance(normal(1, 3), normal(4, 3))


def test_motion_frechet_sees_place_speed_and_jitter_apart():
    time = torch.arange(30).double()[None, :, None]
    slope, start = normal(40, 1, 2), normal(40, 1, 2, seed=1)
    real = start + 0.1 * slope * time
    same = motion_frechet(real, real + normal(1, 1, 2, seed=3))  # a place alone is no displacement
    assert max(same.displacement, same.velocity, same.acceleration) < 1e-9
    faster = motion_frechet(real, start + 0.2 * slope * time)
    assert faster.displacement > 0.1 and faster.velocity > 1e-3 and faster.acceleration < 1e-9
    jitter = motion_frechet(real, real + 0.1 * normal(40, 30, 2, seed=4))
    assert jitter.acceleration > jitter.velocity > 1e-3


def test_best_of_n_takes_the_best_sample_of_each_sequence():
    real = torch.zeros(2, 3, 1)
    samples = torch.stack([torch.tensor([1.0, 4.0]), torch.tensor([3.0, 2.0])])[:, :, None, None].expand(
        2, 2, 3, 1
    )
    assert best_of_n_l1(real, samples) == pytest.approx((1 + 2) / 2)


def test_only_unknown_frames_count():
    real, sample = torch.zeros(1, 3, 1), torch.tensor([9.0, 1.0, 9.0])[None, None, :, None]
    unknown = torch.tensor([[False, True, False]])
    assert best_of_n_l1(real, sample, unknown) == pytest.approx(1)
    with pytest.raises(ValueError, match="no unknown frame"):
        best_of_n_l1(real, sample, torch.zeros(1, 3, dtype=torch.bool))


def test_standing_still_is_frozen_and_real_motion_is_not():
    real = normal(20, 61, 4).cumsum(dim=1)
    assert frozen_share(real, real) == 0
    half = real.clone()
    half[:, 31:] = half[:, 30:31]
    assert frozen_share(real, half) == pytest.approx(0.5)


def test_drift_is_the_ratio_of_late_displacements():
    real = normal(20, 40, 4).cumsum(dim=1)
    assert drift(real, real) == pytest.approx(1)
    assert drift(real, real[:, :1] + 3 * (real - real[:, :1])) == pytest.approx(3)
    assert math.isclose(drift(real, real[:, :1].expand_as(real)), 0)
