"""Facts about the closed-form 2x2 geometry."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fommvg_lib.jacobian import jacobian_path, limit_stretch

entries = st.floats(-3, 3, width=32).filter(lambda x: abs(x) > 1e-3)
matrices = st.lists(entries, min_size=4, max_size=4).map(lambda row: torch.tensor(row).double().view(2, 2))


def turn(angle):
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()


@settings(deadline=None, max_examples=100, derandomize=True)
@given(matrices, matrices, st.floats(0, 1))
def test_path_keeps_the_determinants_sign(first, last, fraction):
    dets = torch.linalg.det(first), torch.linalg.det(last)
    if min(abs(d) for d in dets) < 1e-2:
        return
    between = torch.linalg.det(jacobian_path(first, last, torch.tensor(fraction).double()))
    assert torch.sign(between) in (torch.sign(dets[0]), torch.sign(dets[1]))
    if dets[0] * dets[1] > 0:
        expected = abs(dets[0]) ** (1 - fraction) * abs(dets[1]) ** fraction
        torch.testing.assert_close(between.abs(), expected, rtol=1e-6, atol=1e-9)


def test_path_between_opposite_turns_stays_regular_where_the_straight_line_is_singular():
    first, last, half = turn(-1.5), turn(1.5), torch.tensor(0.5).double()
    torch.testing.assert_close(jacobian_path(first, last, half), turn(0.0))
    assert torch.linalg.det(torch.lerp(first, last, 0.5)) < 0.01


def test_path_ends_are_the_ends():
    generator = torch.Generator().manual_seed(0)
    first, last = (torch.eye(2) + 0.3 * torch.randn(50, 2, 2, generator=generator) for _ in range(2))
    assert torch.equal(jacobian_path(first, last, torch.zeros(50)), first)
    assert torch.equal(jacobian_path(first, last, torch.ones(50)), last)
    almost = jacobian_path(first, last, torch.full((50,), 1 - 1e-6))
    torch.testing.assert_close(almost, last, rtol=1e-4, atol=1e-4)


def test_between_opposite_orientations_the_nearer_end_is_held():
    first, last = torch.eye(2), torch.diag(torch.tensor([1.0, -1.0]))
    assert torch.equal(jacobian_path(first, last, torch.tensor(0.4)), first)
    assert torch.equal(jacobian_path(first, last, torch.tensor(0.6)), last)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(matrices)
def test_limited_matrices_fit_and_fitting_ones_are_untouched(matrix):
    limited, touched = limit_stretch(matrix)
    values = torch.linalg.svdvals(limited)
    assert torch.linalg.det(limited) > 0
    assert values.max() <= 4 + 1e-9 and values.min() >= 0.25 - 1e-9
    before = torch.linalg.svdvals(matrix)
    fits = torch.linalg.det(matrix) > 0 and before.max() < 4 and before.min() > 0.25
    assert bool(touched) != bool(fits)
    assert bool(touched) or torch.equal(limited, matrix)


def test_singular_vectors_survive_the_limit():
    left, right = turn(0.7), turn(-0.4)
    limited, _ = limit_stretch(left @ torch.diag(torch.tensor([9.0, 0.1]).double()) @ right)
    torch.testing.assert_close(limited, left @ torch.diag(torch.tensor([4.0, 0.25]).double()) @ right)
