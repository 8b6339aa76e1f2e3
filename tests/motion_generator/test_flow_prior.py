"""Facts about the Gaussian process in which a flow begins."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.motion_generator.flow_prior import MotionPrior, slow_components


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def smooth_paths(num_paths=3000, num_frames=12, seed=0):
    """Displacements from frame 0 of a smooth process whose second number is half its first, and a bit."""
    white = torch.randn(num_paths, num_frames + 40, 2, generator=seeded(seed), dtype=torch.float64)
    for _ in range(2):
        rows = [white[:, 0]]
        for step in range(1, white.shape[1]):
            rows.append(0.6 * rows[-1] + 0.4 * white[:, step])
        white = torch.stack(rows, dim=1)
    path = 5 * white[:, 40:] @ torch.tensor([[1.0, 0.5], [0.0, 0.2]], dtype=torch.float64)
    return (path - path[:, :1]).float()


def fitted(num_frames=12):
    prior = MotionPrior(2, num_frames)
    prior.fit(smooth_paths(num_frames=12))
    return prior


def known_at(num_paths, num_frames, *places):
    known = torch.zeros(num_paths, num_frames, dtype=torch.bool)
    known[:, list(places)] = True
    return known


def usual(path):
    """Activities of windows that are as lively as usual."""
    return torch.zeros(len(path), path.shape[-1])


def test_draws_pass_through_the_known_frames_of_each_row():
    path = smooth_paths(50, seed=1)
    known = torch.rand(50, 12, generator=seeded(2)) < 0.4
    known[:, 5] = True
    drawn = fitted().bridge(known).draw(path, torch.randn(path.shape, generator=seeded()), usual(path))
    torch.testing.assert_close(drawn[known], path[known], atol=1e-4, rtol=0)
    assert (drawn[~known] - path[~known]).abs().mean() > 0.05


def test_draws_after_one_frame_have_the_covariance_of_the_motion():
    real = smooth_paths(4000, seed=3)
    known = known_at(4000, 12, 0)
    drawn = fitted().bridge(known[:1]).draw(real, torch.randn(real.shape, generator=seeded()), usual(real))
    for change in (lambda x: x[:, 1:], lambda x: x.diff(dim=1)):
        wanted, made = (change(x).flatten(1).T.cov() for x in (real, drawn))
        assert (wanted - made).norm() < 0.1 * wanted.norm()


def test_without_noise_it_is_the_best_linear_guess():
    """For a Gaussian process that is the regression on the known frames, fitted here to real motion."""
    real = smooth_paths(4000, seed=4)
    known = known_at(4000, 12, 0, 4, 11)
    guess = fitted().bridge(known[:1]).draw(real, torch.zeros_like(real), usual(real))
    seen = real[:, [4, 11]].flatten(1)
    regression = seen @ torch.linalg.lstsq(seen, real[:, 7]).solution
    error = (guess[:, 7] - regression).square().mean()
    left = (real[:, 7] - regression).square().mean()
    assert error < 0.02 * left


def test_a_number_that_never_moves_does_no_harm_and_unseen_lags_are_refused():
    prior = MotionPrior(3, 12)
    path = torch.cat([smooth_paths(200), torch.zeros(200, 12, 1)], dim=-1)
    prior.fit(path)
    drawn = prior.bridge(known_at(1, 12, 0, 1)).draw(
        path[:4], torch.randn(4, 12, 3, generator=seeded()), usual(path[:4])
    )
    assert drawn.isfinite().all() and drawn[..., 2].abs().max() < 0.1 * drawn[..., 0].abs().max()
    assert (prior.roots.diagonal(dim1=1, dim2=2) > 0).all()
    with pytest.raises(ValueError, match="windows of 40 frames, got 12"):
        MotionPrior(3, 40).fit(path)


def test_a_loaded_prior_draws_alike():
    path, white = smooth_paths(5, seed=7), torch.randn(5, 12, 2, generator=seeded())
    known, ours, theirs = known_at(1, 12, 0), fitted(), MotionPrior(2, 12)
    assert not torch.equal(*(prior.bridge(known).draw(path, white, usual(path)) for prior in (ours, theirs)))
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(*(prior.bridge(known).draw(path, white, usual(path)) for prior in (ours, theirs)))


def test_components_are_uncorrelated_and_slow_ones_come_first():
    path = smooth_paths().double()
    mixing, unmixing = slow_components(path)
    torch.testing.assert_close(mixing @ unmixing, torch.eye(2, dtype=torch.float64))
    components = path @ unmixing.T
    shares = [x.flatten(0, 1).T @ x.flatten(0, 1) / len(x) for x in (components, components.diff(n=2, dim=1))]
    for share in shares:
        assert share[0, 1].abs() < 1e-6 * share.diagonal().mean()
    assert shares[1][0, 0] <= shares[1][1, 1]


def test_fast_and_slow_numbers_keep_their_own_smoothness():
    slow = smooth_paths(2000)[..., :1]
    fast = torch.randn(2000, 12, 1, generator=seeded(9))
    path = torch.cat([slow, fast - fast[:, :1]], dim=-1) @ torch.tensor([[1.0, 0.3], [0.2, 1.0]])
    prior = MotionPrior(2, 12)
    prior.fit(path)
    drawn = prior.bridge(known_at(1, 12, 0)).draw(
        path, torch.randn(path.shape, generator=seeded()), usual(path)
    )
    for back in (drawn, path):
        back.copy_(back @ torch.linalg.inv(torch.tensor([[1.0, 0.3], [0.2, 1.0]])))
    sizes = [x.diff(n=2, dim=1).square().mean(dim=(0, 1)) for x in (path, drawn)]
    torch.testing.assert_close(sizes[1], sizes[0], rtol=0.15, atol=0)


def test_a_shift_of_the_known_frames_shifts_the_draw():
    path, white = smooth_paths(20, seed=6), torch.randn(20, 12, 2, generator=seeded())
    known = known_at(20, 12, 2, 3)
    here, there = (fitted().bridge(known[:1]).draw(x, white, usual(x)) for x in (path, path + 0.5))
    torch.testing.assert_close(there - here, torch.full_like(path, 0.5), atol=0.05, rtol=0)


def test_a_change_is_carried_as_noise_is_and_activity_scales_both():
    known, white = known_at(3, 12, 0, 6), torch.randn(6, 12, 2, generator=seeded())
    bridge, zeros = fitted().bridge(known), torch.zeros(6, 12, 2)
    activity = torch.full((6, 2), 2.0).log()
    torch.testing.assert_close(bridge.carry(white, activity), bridge.draw(zeros, white, activity))
    torch.testing.assert_close(bridge.carry(white, activity), 2 * bridge.carry(white, usual(zeros)))
    assert bridge.carry(white, activity)[:, [0, 6]].abs().max() < 1e-4
