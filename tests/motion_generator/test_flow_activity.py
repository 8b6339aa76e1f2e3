"""Facts about how lively windows are, and what known frames tell of it."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.motion_generator.flow_activity import Activity

NUM_FRAMES = 16


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(num=2000, num_frames=NUM_FRAMES, seed=0):
    """Random walks of two numbers whose step sizes, drawn for each window, hang together."""
    shared, own = (torch.randn(num, 1, 2, generator=seeded(seed + i)) for i in (0, 1))
    size = torch.exp(0.5 * shared[..., :1] + 0.2 * own) * torch.tensor([1.0, 0.1])
    steps = size * torch.randn(num, num_frames - 1, 2, generator=seeded(seed + 2))
    return torch.cat([torch.zeros(num, 1, 2), steps.cumsum(dim=1)], dim=1)


@pytest.fixture(scope="module")
def fitted():
    activity = Activity(2, NUM_FRAMES)
    activity.fit(windows())
    return activity


def test_activity_is_the_logarithm_of_speed(fitted):
    path = windows(50, seed=7)
    gap = fitted.measure(3 * path) - fitted.measure(path)
    lively = fitted.measure(path) > 0
    torch.testing.assert_close(gap[lively], torch.full_like(gap, 3.0).log()[lively], atol=0.01, rtol=0)
    assert fitted.measure(torch.zeros(1, 5, 2)).isfinite().all()


@pytest.mark.parametrize("num_frames", [9, 16])
def test_draws_are_as_lively_as_windows_of_that_length(fitted, num_frames):
    real = fitted.measure(windows(4000, num_frames, seed=11))
    known = torch.zeros(num_frames, dtype=torch.bool).index_fill(0, torch.tensor([0]), True)
    nothing = torch.zeros(4000, num_frames, 2)
    drawn = fitted.draw(nothing, known, torch.randn(4000, 2, generator=seeded(98)))
    torch.testing.assert_close(drawn.mean(dim=0), real.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), real.T.cov(), atol=0.05, rtol=0.15)


def test_a_known_past_tells_how_lively_the_window_is_and_one_frame_tells_nothing(fitted):
    path, noise = windows(2000, seed=21), torch.randn(2000, 2, generator=seeded(99))
    real, time = fitted.measure(path), torch.arange(NUM_FRAMES)
    likeness = []
    for count in (1, 4, 12):
        drawn = fitted.draw(path, time < count, noise)
        likeness.append(torch.stack([drawn[:, 0], real[:, 0]]).corrcoef()[0, 1].item())
    assert abs(likeness[0]) < 0.1 and 0.5 < likeness[1] < likeness[2] and likeness[2] > 0.85


def test_a_component_that_never_moves_and_lengths_between_do_no_harm():
    path = windows(200, 12)
    path[..., 1] = 1e-9 * torch.randn(200, 12, generator=seeded())
    activity = Activity(2, 12)
    activity.fit(path)
    for count in (1, 2, 6, 11):
        drawn = activity.draw(path, torch.arange(12) < count, torch.randn(200, 2, generator=seeded()))
        assert drawn.isfinite().all() and drawn.abs().max() < 5


def test_windows_that_follow_one_another_do_not_grow_livelier(fitted):
    """Even where what is made moves twice as much as its activity says."""
    activity, known = None, torch.arange(NUM_FRAMES) < 5
    sizes = []
    for turn in range(20):
        made = 2 * windows(500, seed=40 + turn)
        activity = fitted.draw(made, known, torch.randn(500, 2, generator=seeded(60 + turn)), activity)
        sizes.append(activity.mean().item())
    assert abs(sum(sizes[-6:]) / 6 - fitted.mean[-1].mean().item()) < 0.1
