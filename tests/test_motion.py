"""Facts about `fommvg_lib.motion`."""

from __future__ import annotations

import math

import pytest
import torch

from fommvg_lib.motion import Motion, cat, hull_scale, inverse_2x2, retarget
from tests.motion_cases import wandering


def square(side=1.0, turn=0.0, at=(0.0, 0.0)):
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2 + torch.tensor(at)
    c, s = math.cos(turn), math.sin(turn)
    jacobian = torch.tensor([[c, -s], [s, c]]).expand(4, 2, 2)
    return Motion(corners[None], jacobian[None].clone())


def test_vectors_are_values_then_jacobians_row_major():
    motion = Motion(torch.tensor([[1.0, 2.0]]), torch.tensor([[[3.0, 4.0], [5.0, 6.0]]]))
    assert motion.vectors().tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("has_jacobian", [False, True])
def test_from_vectors_undoes_vectors(has_jacobian):
    motion = wandering(5, 3, has_jacobian)
    back = Motion.from_vectors(motion.vectors(), 3)
    assert torch.equal(back.value, motion.value)
    assert (back.jacobian is None) != has_jacobian
    assert not has_jacobian or torch.equal(back.jacobian, motion.jacobian)


def test_vectors_of_no_motion_raise():
    with pytest.raises(ValueError, match="2K or 6K"):
        Motion.from_vectors(torch.zeros(7), 2)


@pytest.mark.parametrize("shapes", [((4, 3), None), ((4, 2), (4, 2)), ((4, 2), (3, 2, 2))])
def test_shapes_that_do_not_fit_raise(shapes):
    value, jacobian = (None if shape is None else torch.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match="must be"):
        Motion(value, jacobian)


def test_indexing_and_cat_keep_both_parts():
    motion = wandering(6)
    joined = cat([motion[:2], motion[2:]])
    assert len(joined) == 6 and torch.equal(joined.vectors(), motion.vectors())


def test_inverse_is_exact_away_from_singular():
    matrix = torch.randn(200, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(inverse_2x2(matrix) @ matrix, torch.eye(2).double().expand_as(matrix))


def test_singular_matrices_have_a_finite_inverse_of_the_determinants_sign():
    positive = torch.tensor([[1e-4, 0.0], [0.0, 1e-4]])
    negative = torch.tensor([[1e-4, 0.0], [0.0, -1e-4]])
    assert inverse_2x2(positive)[0, 0] == pytest.approx(1e-4 / 1e-6)
    assert inverse_2x2(negative)[0, 0] == pytest.approx(1e-4 / 1e-6)
    assert inverse_2x2(negative)[1, 1] == pytest.approx(-1e-4 / 1e-6)
    assert torch.isfinite(inverse_2x2(torch.zeros(2, 2))).all()


def test_half_precision_is_inverted_in_float32():
    assert inverse_2x2(torch.eye(2, dtype=torch.bfloat16)).dtype == torch.float32


def test_hull_scale_is_the_ratio_of_sides():
    assert hull_scale(square(0.9), square(0.3)) == pytest.approx(3.0)


def test_hull_without_area_raises_naming_the_set():
    line = Motion(torch.tensor([[[0.0, 0], [0.5, 0.5], [1, 1]]]))
    with pytest.raises(ValueError, match="initial driving"):
        hull_scale(square(), line)


def test_absolute_mode_is_the_drivers_motion():
    driving = wandering(4)
    assert retarget(wandering(1), driving, driving[:1], mode="absolute") is driving


def test_a_driver_at_rest_gives_the_source():
    source, driver = square(0.4, 0.3, (0.1, 0.2)), square(0.8, -0.5)
    moved = retarget(source, driver, driver)
    torch.testing.assert_close(moved.vectors(), source.vectors())


def test_relative_motion_is_scaled_by_hulls_and_turns_the_source():
    source, initial, driving = square(0.4, 0.3), square(0.8), square(0.8, 0.2, (0.3, -0.1))
    moved = retarget(source, driving, initial)
    torch.testing.assert_close(moved.value, source.value + torch.tensor([0.15, -0.05]))
    torch.testing.assert_close(moved.jacobian, square(turn=0.5).jacobian)
    unscaled = retarget(source, driving, initial, adapt_scale=False)
    torch.testing.assert_close(unscaled.value, source.value + torch.tensor([0.3, -0.1]))


def test_gain_zero_keeps_the_source_and_gain_two_doubles():
    source, initial, driving = square(0.4), square(0.4), square(0.4, 0.0, (0.1, 0.0))
    assert torch.equal(retarget(source, driving, initial, gain=0.0).value, source.value)
    torch.testing.assert_close(
        retarget(source, driving, initial, gain=2.0).value, source.value + torch.tensor([0.2, 0.0])
    )


def test_unknown_mode_raises():
    with pytest.raises(ValueError, match="sideways"):
        retarget(square(), square(), square(), mode="sideways")
