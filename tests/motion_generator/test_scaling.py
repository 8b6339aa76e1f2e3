"""Facts about the space in which motion is generated."""

from __future__ import annotations

import torch

from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator.scaling import MotionScaling
from tests.motion_cases import wandering


def windows(has_jacobian=True):
    return torch.stack([wandering(20, 4, has_jacobian, seed).vectors() for seed in range(12)])


def fitted(has_jacobian=True):
    data = windows(has_jacobian)
    scaling = MotionScaling(data.shape[-1], 4)
    scaling.fit(data)
    return scaling, data


def test_jacobians_are_seen_relative_to_the_reference():
    scaling, data = fitted()
    seen = Motion.from_vectors(scaling.represent(data, data[:, 0]), 4)
    torch.testing.assert_close(seen.jacobian[:, 0], torch.eye(2).expand(12, 4, 2, 2), atol=1e-5, rtol=0)
    raw = Motion.from_vectors(data, 4)
    torch.testing.assert_close(seen.value, raw.value)
    torch.testing.assert_close(seen.jacobian @ raw.jacobian[:, :1], raw.jacobian, atol=1e-5, rtol=0)


def test_a_common_change_of_reference_frame_is_invisible():
    scaling, data = fitted()
    raw = Motion.from_vectors(data, 4)
    other = Motion(raw.value, raw.jacobian @ torch.tensor([[1.5, 0.2], [-0.1, 0.8]])).vectors()
    torch.testing.assert_close(
        scaling.represent(other, other[:, 0]), scaling.represent(data, data[:, 0]), atol=1e-4, rtol=0
    )


def test_restore_undoes_represent_without_touching_anything():
    for has_jacobian in (False, True):
        scaling, data = fitted(has_jacobian)
        back, touched = scaling.restore(scaling.represent(data, data[:, 0]), data[:, 0])
        torch.testing.assert_close(back, data, atol=1e-5, rtol=0)
        assert not touched.any()


def test_condition_and_displacement_have_unit_size_on_the_training_set():
    scaling, data = fitted()
    seen = scaling.represent(data, data[:, 0])
    torch.testing.assert_close(scaling.condition(seen).std(dim=(0, 1)), torch.ones(24), atol=1e-3, rtol=0)
    moved = scaling.displacement(seen)
    torch.testing.assert_close(
        moved[:, 1:].square().mean(dim=(0, 1)).sqrt(), torch.ones(24), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(scaling.displaced(seen[:, 0], moved), seen, atol=1e-5, rtol=0)


def test_values_are_clamped_and_jacobians_are_not():
    scaling, data = fitted()
    wild = Motion(torch.full((1, 1, 4, 2), 1.2), 2.0 * torch.eye(2).expand(1, 1, 4, 2, 2)).vectors()
    origin = Motion(torch.zeros(1, 4, 2), torch.eye(2).expand(1, 4, 2, 2)).vectors()
    back, touched = scaling.restore(wild, origin)
    back = Motion.from_vectors(back, 4)
    assert (back.value == 1).all() and (back.jacobian.diagonal(dim1=-2, dim2=-1) == 2).all()
    assert touched.all()


def test_flipped_and_stretched_jacobians_are_brought_back_and_counted():
    scaling, _ = fitted()
    relative = torch.stack(
        [torch.eye(2), torch.diag(torch.tensor([1.0, -1.0])), 9 * torch.eye(2), torch.eye(2) / 9]
    )
    wild = Motion(torch.zeros(1, 1, 4, 2), relative[None, None]).vectors()
    origin = Motion(torch.zeros(1, 4, 2), torch.eye(2).expand(1, 4, 2, 2)).vectors()
    back, touched = scaling.restore(wild, origin)
    jacobian = Motion.from_vectors(back, 4).jacobian[0, 0]
    assert touched[0, 0].tolist() == [False, True, True, True]
    values = torch.linalg.svdvals(jacobian)
    assert (torch.linalg.det(jacobian) > 0).all() and values.max() <= 4.0001 and values.min() >= 0.2499


def test_a_number_that_never_varies_does_not_blow_up():
    data = windows()
    data[..., 0] = 0.25
    scaling = MotionScaling(24, 4)
    scaling.fit(data)
    assert scaling.condition(data[:, 0]).isfinite().all() and scaling.spread.min() > 0
