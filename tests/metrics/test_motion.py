"""Facts about the motion metrics, with closed forms where there are any."""

from __future__ import annotations

import math

import pytest
import torch

from fommvg_lib.metrics.motion import (
    best_of_n_l1,
    clip_distances,
    displacement_error_by_clip,
    drift,
    frozen_length,
    frozen_share,
    jerk_by_clip,
    jump_by_clip,
    mean_pair,
    path_length,
    sample_distance_by_clip,
)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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


def test_displacement_error_is_the_mean_distance_of_keypoints():
    real = torch.zeros(1, 3, 2, 2)
    off = torch.tensor([[3.0, 4.0], [0.0, 0.0]])  # 5 and 0 away: 2.5 on average
    samples = torch.stack([real + off, real + 2 * off, real])
    unknown = torch.tensor([False, True, True])
    error = displacement_error_by_clip(real, samples, unknown)
    assert error.shape == (3, 1)
    assert error[:, 0].tolist() == pytest.approx([2.5, 5.0, 0.0])
    real[:, 0] += 9  # a known frame
    assert displacement_error_by_clip(real, samples, unknown)[2].item() == 0
    with pytest.raises(ValueError, match="no unknown frame"):
        displacement_error_by_clip(real, samples, torch.zeros(3, dtype=torch.bool))


def test_diversity_of_samples_is_their_mean_distance_over_pairs():
    still = torch.zeros(1, 4, 2, 2)
    samples = torch.stack([still, still + torch.tensor([1.0, 0]), still + torch.tensor([0, 1.0])])
    everything = torch.ones(4, dtype=torch.bool)
    assert sample_distance_by_clip(samples, everything).item() == pytest.approx((1 + 1 + 2**0.5) / 3)
    assert sample_distance_by_clip(still.expand(2, 1, 4, 2, 2), everything).item() == 0
    with pytest.raises(ValueError, match="at least 2"):
        sample_distance_by_clip(samples[:1], everything)


def test_real_clips_differ_by_their_displacements_not_by_their_places():
    moves = torch.zeros(3, 3, 1, 2)
    moves[1, 1:, 0, 0], moves[2, 1:, 0, 0] = 1.0, 3.0
    apart = clip_distances(moves + normal(3, 1, 1, 2), torch.tensor([False, True, True]))
    assert apart.flatten().tolist() == pytest.approx([0, 1, 3, 1, 0, 2, 3, 2, 0], abs=1e-9)
    assert mean_pair(apart, torch.ones(3).double()) == pytest.approx(2)
    assert mean_pair(apart, torch.tensor([2.0, 1, 0]).double()) == pytest.approx(
        1
    )  # no clip pairs with itself
    assert math.isnan(mean_pair(apart, torch.tensor([3.0, 0, 0]).double()))


def test_path_jerk_and_jump_of_known_curves():
    time = torch.arange(6).double()
    line = torch.stack([3 * time, 4 * time], dim=-1)[:, None]  # (6, 1, 2), 5 a frame
    assert path_length(line).item() == pytest.approx(25)
    assert jerk_by_clip(line).item() == pytest.approx(0, abs=1e-12)
    cubic = torch.stack([time**3, 0 * time], dim=-1)[:, None]
    assert jerk_by_clip(cubic).item() == pytest.approx(6)
    line[-1, 0, 0] += 8  # the last step is (11, 4)
    assert jump_by_clip(line, -1).item() == pytest.approx(137**0.5)
    assert jump_by_clip(line, 0).item() == pytest.approx(5)


def test_one_real_clip_in_a_hundred_is_frozen():
    real = normal(200, 30, 3, 2).cumsum(dim=1) * torch.linspace(0.5, 2, 200).double()[:, None, None, None]
    assert (path_length(real) < frozen_length(real)).double().mean().item() == pytest.approx(0.01)
    assert path_length(torch.zeros(1, 30, 3, 2)).item() < frozen_length(real)
