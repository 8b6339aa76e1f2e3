"""Facts about motion flow that hold whatever it learned."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.motion_generator.flow import MotionFlow
from fommvg_lib.motion_generator.flow_integration import integrate
from fommvg_lib.motion_generator.flow_network import rotary_waves, rotate
from tests.motion_cases import wandering

NUM_KP = 3


def build(has_jacobian=True, seed=0, **sizes):
    """An untrained flow whose network is not silent, in a space fitted to wandering motion."""
    torch.manual_seed(seed)
    chosen = {"width": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "max_window": 16, **sizes}
    model = MotionFlow((6 if has_jacobian else 2) * NUM_KP, NUM_KP, **chosen, fps=25.0)
    torch.nn.init.normal_(model.network.read_out.weight, std=0.2)
    model.fit(torch.stack([wandering(16, NUM_KP, has_jacobian, seed).vectors() for seed in range(8)]))
    model.num_steps = 2
    return model.eval()


def request(rows, has_jacobian=True):
    """Motion of which the frames of `rows` (lists of bool) are known, the others NaN."""
    known = torch.tensor(rows)
    motion = [
        wandering(known.shape[1], NUM_KP, has_jacobian, seed).vectors() for seed in range(30, 30 + len(known))
    ]
    return torch.where(known[..., None], torch.stack(motion), torch.nan), known


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


pairs_of_rows = st.integers(1, 40).flatmap(
    lambda length: st.lists(
        st.lists(st.booleans(), min_size=length, max_size=length).filter(any), min_size=1, max_size=2
    )
)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(pairs_of_rows, st.booleans())
def test_any_pattern_is_completed_and_known_frames_are_bit_identical(rows, has_jacobian):
    motion, known = request(rows, has_jacobian)
    model = build(has_jacobian)
    assert model.supports(known)
    samples = model.complete(motion, known, 2, seeded())
    assert samples.shape == (2, *motion.shape) and samples.isfinite().all()
    assert all(torch.equal(sample[known], motion[known]) for sample in samples)


def test_nothing_known_is_refused():
    model, known = build(), torch.tensor([[True, False], [False, False]])
    assert not model.supports(known)
    with pytest.raises(ValueError, match="a frame is known; other patterns are not supported"):
        model.complete(torch.zeros(2, 2, 18), known, 1, seeded())


def test_samples_differ_and_a_seed_repeats_them():
    motion, known = request([[True] + 13 * [False]] * 2)
    model = build()
    samples = model.complete(motion, known, 3, seeded(1))
    assert not torch.equal(samples[0], samples[1])
    assert torch.equal(samples, model.complete(motion, known, 3, seeded(1)))
    assert not torch.equal(samples, model.complete(motion, known, 3, seeded(2)))
    torch.testing.assert_close(model.complete(motion, known, 1, seeded(1))[0], samples[0])


def test_a_motion_is_completed_alike_whatever_lies_beside_it():
    rows = [[True] + 11 * [False], [False, True] + 9 * [False] + [True]]
    motion, known = request(rows)
    model, noise = build(), torch.randn(2, 2, 12, 18, generator=seeded())
    both = [model._complete_alike(_held(motion[i : i + 1]), known[i], noise[:, i : i + 1])[0] for i in (0, 1)]
    together = model.complete(motion, known, 1, seeded())[0]
    torch.testing.assert_close(together, torch.cat(both), atol=1e-5, rtol=0)


def _held(motion):
    known = motion[0].isfinite().all(dim=-1)
    return torch.where(known[None, :, None], motion, motion[:, known][:, :1])


def test_the_first_known_frame_is_the_reference_wherever_it_stands():
    model = build()
    motion = wandering(9, NUM_KP, True, 5).vectors()[None]
    known = torch.tensor([[False, False, True, False, True, False, False, False, False]])
    seen = model.see(motion, known)
    assert torch.equal(seen.reference, motion[:, 2])
    torch.testing.assert_close(seen.path[:, 2], torch.zeros(1, 18), atol=1e-4, rtol=0)
    jacobian = Motion.from_vectors(seen.origin, NUM_KP).jacobian
    torch.testing.assert_close(jacobian, torch.eye(2).expand(1, NUM_KP, 2, 2), atol=1e-5, rtol=0)


def test_heun_is_exact_for_a_field_that_is_linear_in_time():
    start, rate, rise = (torch.randn(4, 3, generator=seeded(seed), dtype=torch.float64) for seed in range(3))
    for num_steps in (1, 2, 8):
        end = integrate(lambda x, t: rate + rise * t, start, num_steps)
        torch.testing.assert_close(end, start + rate + rise / 2)
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        integrate(lambda x, t: x, start, 0)


def test_heun_is_of_second_order():
    """dx/dt = A x ends at the matrix exponential; four times the steps leave a sixteenth of the error."""
    matrix = torch.tensor([[0.0, 1.0], [-1.0, -0.2]], dtype=torch.float64)
    start = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    wanted = start @ torch.linalg.matrix_exp(matrix).T
    errors = [(integrate(lambda x, t: x @ matrix.T, start, n) - wanted).norm() for n in (8, 32)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)


def test_an_untrained_flow_gives_draws_of_its_prior():
    model = MotionFlow(18, NUM_KP, 16, 1, 2, 16, max_window=16).eval()
    motion, known = request([[True] + 8 * [False]])
    model.fit(torch.stack([wandering(16, NUM_KP, True, seed).vectors() for seed in range(8)]))
    samples = model.complete(motion, known, 1, seeded())[0]
    held = torch.where(known[..., None], motion, motion[:, :1])
    noise = torch.randn(2, 1, 9, 18, generator=seeded())
    space = model.see(held, known)
    activity = model.activity.draw(model.prior.components(space.path), known[0], noise[1, :, 0])
    path = model.prior.bridge(known).draw(space.path, noise[0], activity)
    wanted, _ = model.scaling.restore(space.origin[:, None] + path * model.scaling.spread, motion[:, 0])
    torch.testing.assert_close(samples[:, 1:], wanted[:, 1:], atol=1e-5, rtol=0)


def test_rotary_positions_leave_only_distances():
    vectors = torch.randn(2, 8, generator=seeded())
    cosine, sine = rotary_waves(30, 8, vectors)
    query, key = (rotate(v.expand(30, -1), (cosine, sine)) for v in vectors)
    scores = query @ key.T
    torch.testing.assert_close(scores[3, 7], scores[20, 24], atol=1e-5, rtol=1e-5)
    assert (scores[3, 7] - scores[3, 9]).abs() > 1e-3


@pytest.mark.parametrize("has_jacobian", [True, False])
def test_liveliness_scales_the_departure_from_the_straight_path(has_jacobian):
    motion, known = request([[True] + 8 * [False] + [True]], has_jacobian)
    model = build(has_jacobian)
    model.scaling.spread.mul_(0.1)  # small, so that nothing meets a limit
    made = {}
    for model.liveliness in (0.0, 1.0, 2.0):
        made[model.liveliness] = model.complete(motion, known, 1, seeded())[0, 0, :, : 2 * NUM_KP]
    between = torch.lerp(made[0.0][:1], made[0.0][-1:], torch.linspace(0, 1, 10)[:, None])
    torch.testing.assert_close(made[0.0], between, atol=1e-5, rtol=0)
    torch.testing.assert_close(made[2.0] - between, 2 * (made[1.0] - between), atol=1e-5, rtol=0)
    model.liveliness = -1.0
    with pytest.raises(ValueError, match="liveliness must be from 0 to 3, got -1"):
        model.complete(motion, known, 1, seeded())


def test_generated_jacobians_keep_their_orientation_and_the_share_is_told():
    model = build()
    model.scaling.spread.mul_(30)
    motion, known = request([[True] + 29 * [False]])
    samples = model.complete(motion, known, 2, seeded())
    origin = Motion.from_vectors(motion[:, :1], NUM_KP).jacobian
    relative = Motion.from_vectors(samples[:, :, 1:14], NUM_KP).jacobian @ torch.linalg.inv(origin)
    values = torch.linalg.svdvals(relative)
    assert (torch.linalg.det(relative) > 0).all() and values.max() < 4.01 and values.min() > 0.249
    assert Motion.from_vectors(samples, NUM_KP).value.abs().max() <= 1
    assert 0.3 < model.share_touched <= 1


def test_saved_and_loaded_weights_repeat_a_completion_bit_for_bit(tmp_path):
    motion, known = request([[True] + 5 * [False]])
    model = build()
    model.save(tmp_path / "w", {"provenance": "test"})
    loaded = load_motion_generator(tmp_path / "w", num_dims=18, num_kp=NUM_KP)
    loaded.num_steps = model.num_steps
    assert loaded.kind == "flow" and loaded.fps == 25.0
    again = loaded.complete(motion, known, 2, seeded(3))
    assert torch.equal(again, model.complete(motion, known, 2, seeded(3)))


def test_a_width_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="width 18 must be"):
        build(width=18, num_heads=4)
