"""Facts about motion summed up with a clamp at every step."""

import pytest
import torch

from fommvg_lib.motion_generator.clamped import clamped_differences, clamped_path


def plain_path(x0, differences, num_values):
    """The same as autograd sees it, one clamp after the other."""
    frames = [x0]
    for difference in differences.unbind(dim=1):
        moved = frames[-1] + difference
        frames.append(torch.cat([moved[:, :num_values].clamp(-1, 1), moved[:, num_values:]], dim=-1))
    return torch.stack(frames, dim=1)


def steps(scale, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x0 = torch.rand(3, 5, dtype=dtype, generator=generator) - 0.5
    return x0, scale * torch.randn(3, 7, 5, dtype=dtype, generator=generator)


def test_values_are_clamped_at_every_step_and_nothing_else():
    x0, moves = torch.tensor([[0.9, 0.0]]), torch.tensor([[[0.3, 0.1], [-0.3, 0.1], [0.0, 0.1]]])
    path = clamped_path(x0, moves, 2)
    torch.testing.assert_close(path[0, :, 0], torch.tensor([0.9, 1.0, 0.7, 0.7]))
    torch.testing.assert_close(path[0, :, 1], torch.tensor([0.0, 0.1, 0.2, 0.3]))
    free = clamped_path(x0, moves, 0)  # what is no value may leave [-1, 1]
    torch.testing.assert_close(free[0, :, 0], torch.tensor([0.9, 1.2, 0.9, 0.9]))


@pytest.mark.parametrize("num_values", [0, 3, 5])
@pytest.mark.parametrize("scale,is_clamped", [(0.01, False), (0.8, True)])
@pytest.mark.parametrize("gives_differences", [False, True])
def test_path_differences_and_gradients_are_those_of_autograd(
    num_values, scale, is_clamped, gives_differences
):
    inputs = [tensor.requires_grad_() for tensor in steps(scale)]
    wanted = plain_path(*inputs, num_values)
    assert (wanted[..., :num_values].abs() == 1).any() == (is_clamped and num_values > 0)
    wanted = wanted.diff(dim=1) if gives_differences else wanted
    ours = (clamped_differences if gives_differences else clamped_path)(*inputs, num_values)
    torch.testing.assert_close(ours, wanted)
    weights = torch.randn(wanted.shape, dtype=wanted.dtype, generator=torch.Generator().manual_seed(1))
    gradients = [torch.autograd.grad((side * weights).sum(), inputs) for side in (ours, wanted)]
    torch.testing.assert_close(*gradients)


def test_a_step_onto_the_bound_itself_has_a_gradient_as_in_clamp():
    moves = torch.tensor([[[0.5], [0.25]]], requires_grad=True)
    clamped_path(torch.tensor([[0.5]]), moves, 1)[:, -1].sum().backward()
    assert moves.grad.flatten().tolist() == [0.0, 0.0]  # the second step is clamped
    moves.grad = None
    clamped_path(torch.tensor([[0.5]]), moves, 1)[:, 1].sum().backward()
    assert moves.grad.flatten().tolist() == [1.0, 0.0]
