"""Facts about the straight line, and about known frames in general."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator.linear import LinearMotion
from tests.motion_cases import wandering

patterns = st.lists(st.booleans(), min_size=1, max_size=12).filter(any)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(patterns, min_size=1, max_size=3), st.booleans())
def test_known_frames_come_back_bit_identical_and_all_is_finite(rows, has_jacobian):
    length = max(len(row) for row in rows)
    known = torch.tensor([row + [False] * (length - len(row)) for row in rows])
    motion = torch.stack([wandering(length, 3, has_jacobian, seed).vectors() for seed in range(len(rows))])
    given_motion = torch.where(known[..., None], motion, torch.nan)
    filled = LinearMotion(motion.shape[-1], 3).complete(given_motion, known, num_samples=2)
    assert filled.shape == (2, *motion.shape)
    assert torch.equal(filled[0][known], motion[known]) and torch.equal(filled[0], filled[1])
    assert filled.isfinite().all()


def test_values_between_are_on_the_line_and_outside_are_held():
    motion = torch.full((1, 6, 2), torch.nan)
    motion[0, 1], motion[0, 4] = torch.tensor([0.0, 1.0]), torch.tensor([0.3, -0.5])
    filled = LinearMotion(2, 1).complete(motion, torch.tensor([[False, True, False, False, True, False]]))[
        0, 0
    ]
    torch.testing.assert_close(filled[:, 0], torch.tensor([0, 0, 0.1, 0.2, 0.3, 0.3]))
    torch.testing.assert_close(filled[:, 1], torch.tensor([1, 1, 0.5, 0, -0.5, -0.5]))


def test_jacobians_keep_their_orientation_through_a_half_turn():
    turns = torch.tensor([[[1.0, 0], [0, 1]], [[-0.99, -0.1], [0.1, -0.99]]])
    ends = Motion(torch.zeros(2, 1, 2), turns[:, None]).vectors()
    motion = torch.full((1, 9, 6), torch.nan)
    motion[0, 0], motion[0, 8] = ends
    known = torch.zeros(1, 9, dtype=torch.bool)
    known[0, [0, 8]] = True
    filled = Motion.from_vectors(LinearMotion(6, 1).complete(motion, known)[0, 0], 1)
    assert (torch.linalg.det(filled.jacobian) > 0.9).all()


def test_nothing_known_is_not_supported():
    model, known = LinearMotion(4, 2), torch.zeros(1, 3, dtype=torch.bool)
    assert not model.supports(known)
    with pytest.raises(ValueError, match="at least one frame"):
        model.complete(torch.zeros(1, 3, 4), known)


@pytest.mark.parametrize(
    ("motion", "known", "words"),
    [
        (torch.zeros(1, 3, 5), torch.ones(1, 3, dtype=torch.bool), r"\(B, T, 4\)"),
        (torch.zeros(1, 3, 4), torch.ones(1, 2, dtype=torch.bool), "known must be bool"),
        (torch.zeros(1, 3, 4), torch.ones(1, 3), "known must be bool"),
        (torch.full((1, 3, 4), torch.nan), torch.ones(1, 3, dtype=torch.bool), "not finite"),
    ],
)
def test_wrong_requests_raise(motion, known, words):
    with pytest.raises(ValueError, match=words):
        LinearMotion(4, 2).complete(motion, known)


def test_sizes_that_are_no_motion_raise():
    with pytest.raises(ValueError, match="neither 2K nor 6K"):
        LinearMotion(5, 2)


@pytest.mark.parametrize("num_kp,has_jacobian", [(10, True), (50, False)], ids=["FOMM", "TPSMM"])
def test_orientations_are_kept_all_the_way_and_ends_are_exact(num_kp, has_jacobian):
    generator = torch.Generator().manual_seed(0)
    shape = (2, 40, num_kp, 2, 2)
    turns = (
        torch.randn(shape, generator=generator) if has_jacobian else None
    )  # of both orientations, far apart
    given = Motion(torch.randn(shape[:4], generator=generator).clamp(-1, 1), turns).vectors()
    known = torch.zeros(2, 40, dtype=torch.bool)
    known[:, [0, 17, 39]] = True
    filled = LinearMotion(given.shape[-1], num_kp).complete(
        given.masked_fill(~known[..., None], torch.nan), known
    )
    assert torch.equal(filled[0][known], given[known]) and filled.isfinite().all()
    if has_jacobian:
        signs = torch.linalg.det(Motion.from_vectors(filled[0], num_kp).jacobian).sign()
        for stretch in (signs[:, :18], signs[:, 17:]):
            first, last = stretch[:, :1], stretch[:, -1:]
            assert ((stretch == first) | ((stretch == last) & (first != last))).all()
            assert (stretch.diff(dim=1) != 0).sum(dim=1).max() <= 1  # where orientations differ: one change
