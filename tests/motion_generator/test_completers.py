"""Facts about the adversarial and the autoregressive completer that hold whatever they learned."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.motion_generator.autoregressive import Autoregressive
from fommvg_lib.motion_generator.linear import LinearMotion
from fommvg_lib.motion_generator.min_max import FrameRange, JacobianRange
from fommvg_lib.motion_generator.recurrence import (
    PublishedRecurrence,
    fade_rollouts,
    join_rollouts,
    rollout,
)
from fommvg_lib.motion_generator.wgan import SequenceCritic, Wgan
from tests.motion_cases import wandering

LENGTH = 16


@dataclass(frozen=True)
class Case:
    kind: str
    form: str
    has_jacobian: bool

    def build(self, num_kp=4, **sizes):
        torch.manual_seed(0)
        num_dims = (6 if self.has_jacobian else 2) * num_kp
        if self.kind == "ar":
            model = Autoregressive(num_dims, num_kp, self.form, 8, **sizes, fps=25.0)
        else:
            model = Wgan(num_dims, num_kp, self.form, 5, 8, 6, **sizes, fps=25.0, frame_generator_hash="abc")
        if "basis" in dict(model.named_buffers()):
            model.basis.copy_(torch.linalg.qr(torch.randn(num_dims, 6)).Q.T * 0.3)
        return model.eval()

    def request(self, length=LENGTH, batch=3, num_kp=4):
        motion = torch.stack(
            [wandering(length, num_kp, self.has_jacobian, seed).vectors() for seed in range(batch)]
        )
        known = ends(length).expand(batch, -1)
        return torch.where(known[..., None], motion, torch.nan), known


ALL = [
    Case(kind, form, j) for kind in ("wgan", "ar") for form in ("default", "legacy") for j in (False, True)
]
each_case = pytest.mark.parametrize("case", ALL, ids=str)


def ends(length):
    known = torch.zeros(length, dtype=torch.bool)
    known[[0, -1]] = True
    return known


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@each_case
def test_known_frames_are_untouched_and_all_is_finite(case):
    motion, known = case.request()
    samples = case.build().complete(motion, known, 2, seeded())
    assert samples.shape == (2, *motion.shape) and samples.isfinite().all()
    assert all(torch.equal(sample[known], motion[known]) for sample in samples)


@each_case
def test_the_generator_alone_decides_the_samples(case):
    motion, known = case.request()
    model = case.build()
    samples = model.complete(motion, known, 2, seeded(1))
    assert torch.equal(samples, model.complete(motion, known, 2, seeded(1)))
    is_random = case.kind == "wgan"
    assert torch.equal(samples[0], samples[1]) != is_random
    assert torch.equal(samples, model.complete(motion, known, 2, seeded(2))) != is_random


@each_case
def test_saved_and_loaded_weights_repeat_a_completion_bit_for_bit(case, tmp_path):
    motion, known = case.request()
    model = case.build()
    model.save(tmp_path / "w")
    loaded = load_motion_generator(tmp_path / "w")
    assert (loaded.kind, loaded.form, loaded.fps) == (case.kind, case.form, 25.0)
    both = [each.complete(motion, known, 2, seeded(3)) for each in (loaded, model)]
    assert torch.equal(*both)


@each_case
def test_patterns_that_cannot_be_completed_raise(case):
    motion, _ = case.request(6)
    rows = [[0, 1, 1, 1, 1, 1], [1] * 6, [0] * 6, [1, 0, 1, 0, 1, 1]]
    rows += [[1, 0, 0, 0, 0, 0]] * (case.kind == "wgan") + [[1, 0, 0, 0, 0, 1]] * (case == ALL[6])
    for row in rows:
        known = torch.tensor([row] * 3, dtype=torch.bool)
        assert not case.build().supports(known)
        with pytest.raises(ValueError, match="not supported"):
            case.build().complete(motion, known, 1, seeded())


def test_published_sizes_have_the_published_number_of_parameters():
    """Specification section 11."""
    assert count(Wgan(60, 10, "legacy")) == 613_828
    assert count(SequenceCritic(60)) == 488_961
    assert count(Autoregressive(60, 10, "legacy")) == 519_228


@pytest.mark.parametrize("num_dims,num_kp", [(60, 10), (100, 50)], ids=["FOMM", "TPSMM"])
def test_both_layouts_are_completed_at_published_width(num_dims, num_kp):
    motion = wandering(LENGTH, num_kp, num_dims == 6 * num_kp).vectors()[None]
    known = ends(LENGTH)[None]
    for model in (Wgan(num_dims, num_kp, "legacy"), Autoregressive(num_dims, num_kp, "legacy")):
        made = model.eval().complete(motion, known, 1, seeded())
        assert made.shape == (1, 1, LENGTH, num_dims) and made.isfinite().all()


def test_the_critic_scores_every_step_and_sees_the_condition_only_if_told():
    features, conditions = torch.randn(2, 7, 5), torch.randn(2, 2, 3)
    for num_condition in (0, 3):
        critic = SequenceCritic(5, 8, num_condition)
        scores = [critic(features, condition) for condition in conditions]
        assert scores[0].shape == (2, 7)
        assert torch.equal(*scores) == (num_condition == 0)


def test_pinned_departures_vanish_at_both_ends_and_free_ones_do_not():
    condition, noise = torch.randn(2, 16), torch.randn(2, 9, 5)
    pinned, free = (Case("wgan", "default", False).build(pins_ends=p).network for p in (True, False))
    made = pinned(condition, noise)
    assert not made[:, [0, -1]].any() and (made[:, 1:-1] != 0).all()
    assert (free(condition, noise)[:, [0, -1]] != 0).all()


def test_a_wgan_whose_components_are_zero_gives_the_straight_path():
    model, (motion, known) = ALL[0].build(), ALL[0].request(7)
    model.basis.zero_()
    straight = LinearMotion(8, 4).complete(motion, known)
    torch.testing.assert_close(model.complete(motion, known, 1, seeded()), straight, atol=1e-6, rtol=0)


def test_generated_jacobians_keep_their_orientation_and_the_share_is_told():
    model, (motion, known) = ALL[1].build(), ALL[1].request()
    model.basis.mul_(2000)
    samples = model.complete(motion, known, 2, seeded())
    generated = Motion.from_vectors(samples, 4)
    relative = generated.jacobian @ torch.linalg.inv(Motion.from_vectors(motion[:, :1], 4).jacobian)
    assert (torch.linalg.det(relative) > 0).all() and generated.value.abs().max() <= 1
    assert 0.3 < model.share_touched <= 1


def test_one_noise_can_be_shared_by_all_clips():
    model, (motion, known) = ALL[0].build(), ALL[0].request()
    motion = motion[:1].expand(3, -1, -1)
    noise = torch.randn(2, 1, LENGTH, 5, generator=seeded())
    made = model.complete_with(motion, known, noise.expand(-1, 3, -1, -1))
    torch.testing.assert_close(made[:, 0], made[:, 2])
    assert not torch.equal(made[0], made[1])


@pytest.mark.parametrize("num_dims", [24, 8])
def test_the_global_range_brings_jacobians_to_one_and_leaves_values(num_dims):
    frames = 3 * torch.randn(50, num_dims, generator=seeded())
    scaling = JacobianRange(num_dims, 4)
    scaling.fit(frames)
    scaled = scaling.scale(frames)
    assert torch.equal(scaled[:, :8], frames[:, :8])
    torch.testing.assert_close(scaling.restore(scaled), frames)
    if num_dims == 24:
        torch.testing.assert_close(torch.stack(scaled[:, 8:].aminmax()), torch.tensor([-1.0, 1.0]))


def test_the_range_of_each_frame_puts_jacobians_first():
    windows = torch.randn(20, 5, 24, generator=seeded())
    windows[:, 2, 3] = 0.5  # never varies
    scaling = FrameRange(5, 24, 4)
    scaling.fit(windows)
    scaled = scaling.scale(windows)
    assert scaled.isfinite().all() and scaled.abs().max() <= 1 + 1e-5
    torch.testing.assert_close(scaling.restore(scaled), windows)
    moved = windows.clone()
    moved[..., :8] += 1
    assert torch.equal(scaling.scale(moved)[..., :16], scaled[..., :16])  # values are the last ones


def test_one_call_over_a_sequence_is_the_published_gru_called_step_by_step():
    ours = PublishedRecurrence(6, 8)
    theirs = nn.GRU(6, 8, batch_first=True, bidirectional=True)
    for suffix, chain in zip(("", "_reverse"), ours.chains, strict=True):
        for name, parameter in chain.named_parameters():
            getattr(theirs, name + suffix).data.copy_(parameter)
    frames, state, expected = torch.randn(3, 7, 6), None, []
    for t in range(7):
        hidden, state = theirs(frames[:, t : t + 1], state)
        expected.append(ours.decode(hidden).tanh())
    torch.testing.assert_close(ours(frames)[0], torch.cat(expected, dim=1))


def test_exchanged_directions_and_exchanged_halves_cancel_out():
    ours, crossed = PublishedRecurrence(6, 8), PublishedRecurrence(6, 8)
    crossed.load_state_dict(ours.state_dict())
    crossed.chains = nn.ModuleList(reversed(list(crossed.chains)))
    frames = torch.randn(3, 7, 6)
    hidden = torch.cat([chain(frames)[0] for chain in crossed.chains], dim=-1)
    swapped = torch.cat(list(reversed(hidden.chunk(2, dim=-1))), dim=-1)
    torch.testing.assert_close(ours(frames)[0], ours.decode(swapped).tanh())


def test_a_rollout_feeds_its_frames_back_and_goes_on_from_a_longer_past():
    network = PublishedRecurrence(6, 8)
    given = torch.randn(2, 3, 6)
    made = rollout(network, given, 4)
    following, _ = network(torch.cat([given, made], dim=1))  # teacher-forced on its own frames
    torch.testing.assert_close(following[:, 2:-1], made)
    assert rollout(network, given, 0).shape == (2, 0, 6)


def test_rollouts_are_joined_where_they_meet_and_no_frame_is_left_empty():
    for meeting in range(LENGTH):
        ahead = torch.full((1, LENGTH, 2), 1.0)
        back = torch.full((1, LENGTH, 2), 3.0)
        back[:, meeting] = 1.5
        joined = join_rollouts(ahead, back)
        assert torch.equal(joined[:, :meeting], ahead[:, :meeting])
        assert torch.equal(joined[:, meeting:], back[:, meeting:]) and (joined != 0).all()


def test_faded_rollouts_go_evenly_from_one_to_the_other():
    faded = fade_rollouts(torch.zeros(1, 3, 1), torch.ones(1, 3, 1))
    torch.testing.assert_close(faded[0, :, 0], torch.tensor([0.25, 0.5, 0.75]))


@pytest.mark.parametrize("fade", [True, False])
def test_the_corrected_ar_continues_a_past_and_meets_a_future(fade):
    case = Case("ar", "default", True)
    model = case.build(fade=fade)
    motion = torch.stack([wandering(12, 4, True, seed).vectors() for seed in range(2)])
    time = torch.arange(12)
    past = (time < 3).expand(2, -1)
    both = ((time < 3) | (time >= 10)).expand(2, -1)
    for known in (past, both):
        given = torch.where(known[..., None], motion, torch.nan)
        made = model.complete(given, known)
        assert torch.equal(made[0][known], motion[known]) and made.isfinite().all()
    other = motion.clone()
    other[:, 10:] = wandering(2, 4, True, 7).vectors()
    unlike = model.complete(torch.where(both[..., None], other, torch.nan), both)
    assert not torch.equal(unlike[0, :, 9], made[0, :, 9])  # the future counts


def test_the_legacy_ar_completes_the_length_it_learned_alone():
    model = Case("ar", "legacy", False).build(num_frames=10)
    assert model.supports(ends(10)[None]) and not model.supports(ends(11)[None])
