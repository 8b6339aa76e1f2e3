"""Facts about Fréchet distances, most with closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from fommvg_lib.metrics.frechet import (
    MotionScale,
    WeightedFrechet,
    frechet_distance,
    motion_frechet,
    pooled_frechet,
)


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


def test_pooled_frechet_sees_place_speed_and_jitter_apart():
    time = torch.arange(30).double()[None, :, None]
    slope, start = normal(40, 1, 2), normal(40, 1, 2, seed=1)
    real = start + 0.1 * slope * time
    same = pooled_frechet(real, real + normal(1, 1, 2, seed=3))  # a place alone is no displacement
    assert max(same.displacement, same.velocity, same.acceleration) < 1e-9
    faster = pooled_frechet(real, start + 0.2 * slope * time)
    assert faster.displacement > 0.1 and faster.velocity > 1e-3 and faster.acceleration < 1e-9
    jitter = pooled_frechet(real, real + 0.1 * normal(40, 30, 2, seed=4))
    assert jitter.acceleration > jitter.velocity > 1e-3


def test_the_distance_is_symmetric():
    first, second = normal(20, 6), 2 * normal(9, 6, seed=1) + 1  # more and fewer samples than dimensions
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)
    wide = normal(5, 40), normal(7, 40, seed=1)
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(*wide[::-1]), rel=1e-9)


def test_few_samples_in_many_dimensions_are_exact():
    """Samples of a plane in 50 dimensions have the distance that they have in the plane."""
    plane = torch.linalg.qr(normal(50, 2)).Q  # (50, 2), orthonormal
    first, second = normal(8, 2, seed=1), 3 * normal(6, 2, seed=2) + 1
    inside = frechet_distance(first, second)
    assert frechet_distance(first @ plane.T, second @ plane.T) == pytest.approx(inside, rel=1e-9)
    assert frechet_distance(first @ plane.T, first @ plane.T) == pytest.approx(0, abs=1e-10)


def test_clips_are_points_in_units_of_the_training_set():
    train = normal(300, 10, 2).cumsum(dim=1) * torch.tensor([1.0, 100.0])
    scale = MotionScale.fit(train)
    real, made = train[:60], train[60:120].flip(1)
    stretch = torch.tensor([7.0, 0.01])
    same = motion_frechet(real * stretch, made * stretch, MotionScale.fit(train * stretch))
    plain = motion_frechet(real, made, scale)
    assert same.displacement == pytest.approx(plain.displacement, rel=1e-9)
    flat = ((x[:, 1:] - x[:, :1]) / scale.displacement for x in (real, made))
    assert plain.displacement == pytest.approx(frechet_distance(*(x.reshape(60, 18) for x in flat)), rel=1e-9)
    second = (x.diff(n=2, dim=1) / scale.acceleration for x in (real, made))
    assert plain.acceleration == pytest.approx(frechet_distance(*(x.reshape(60, 16) for x in second)))


def test_clip_distances_see_order_in_time_and_pooled_ones_do_not():
    """The second half of all clips moves; played with halves exchanged, every frame's speed is the same."""
    speed = normal(400, 20, 1)
    speed[:, :10] = 0
    swapped = speed.roll(10, dims=1)
    real, other = (torch.cat([torch.zeros(400, 1, 1), x.cumsum(dim=1)], dim=1) for x in (speed, swapped))
    assert pooled_frechet(real, other).velocity == pytest.approx(0, abs=1e-9)
    assert motion_frechet(real, other, MotionScale.fit(real)).velocity > 10


def test_a_dimension_that_never_moves_does_no_harm():
    train = normal(50, 8, 2)
    train[..., 1] = 0.3
    figures = motion_frechet(train, train, MotionScale.fit(train))
    assert figures.velocity == pytest.approx(0, abs=1e-8)
    with pytest.raises(ValueError, match="T >= 4"):
        MotionScale.fit(train[:, :3])


@pytest.mark.parametrize("num_dims", [3, 30])
def test_weights_count_samples_several_times(num_dims):
    first, second = normal(8, num_dims), 2 * normal(6, num_dims, seed=1) + 0.5
    products = WeightedFrechet(first, second)
    weights = torch.tensor([0.0, 3, 1, 1, 2, 0, 1, 0]).double(), torch.tensor([2.0, 1, 0, 1, 1, 1]).double()
    repeated = [x.repeat_interleave(w.long(), dim=0) for x, w in zip((first, second), weights, strict=True)]
    assert products.distance(*weights) == pytest.approx(frechet_distance(*repeated), rel=1e-9)
    once = torch.ones(8).double(), torch.ones(6).double()
    assert products.distance(*once) == pytest.approx(frechet_distance(first, second), rel=1e-9)
    assert WeightedFrechet(first, first).distance(once[0], once[0]) == pytest.approx(0, abs=1e-9)
