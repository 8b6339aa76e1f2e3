"""Facts about video prediction and frame interpolation that hold whatever they learned."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator import check_matches, load_motion_generator
from fommvg_lib.motion_generator.clamped import clamped_path
from fommvg_lib.motion_generator.frame_interpolation import FrameInterpolation
from fommvg_lib.motion_generator.linear import LinearMotion
from fommvg_lib.motion_generator.networks import PublishedPrediction
from fommvg_lib.motion_generator.video_prediction import VideoPrediction, translate_published
from tests.motion_cases import wandering

CLASSES = {"vp": VideoPrediction, "fi": FrameInterpolation}


@dataclass(frozen=True)
class Case:
    kind: str
    form: str
    has_jacobian: bool

    def build(self, seed=0, num_kp=4):
        torch.manual_seed(seed)
        num_dims = (6 if self.has_jacobian else 2) * num_kp
        sizes = {"noise_dim": 5, "hidden_dim": 8, "num_components": 6}
        model = CLASSES[self.kind](num_dims, num_kp, self.form, **sizes, fps=25.0, frame_generator_hash="abc")
        with torch.no_grad():
            for name in ("basis", "network.components"):
                owner, _, leaf = name.rpartition(".")
                buffer = dict(model.named_buffers()).get(name)
                if buffer is not None:
                    buffer.copy_(torch.linalg.qr(torch.randn(num_dims, 6)).Q.T * 0.1)
        return model.eval()

    def request(self, length=9, batch=2, num_kp=4):
        motion = torch.stack(
            [wandering(length, num_kp, self.has_jacobian, seed).vectors() for seed in range(batch)]
        )
        known = torch.zeros(batch, length, dtype=torch.bool)
        known[:, 0] = True
        known[:, -1] = self.kind == "fi"
        return torch.where(known[..., None], motion, torch.nan), known


ALL = [Case(kind, form, j) for kind in ("vp", "fi") for form in ("default", "legacy") for j in (False, True)]
each_case = pytest.mark.parametrize("case", ALL, ids=str)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@each_case
def test_known_frames_are_untouched_and_all_is_finite(case):
    motion, known = case.request()
    samples = case.build().complete(motion, known, 3, seeded())
    assert samples.shape == (3, *motion.shape) and samples.isfinite().all()
    assert all(torch.equal(sample[known], motion[known]) for sample in samples)


@each_case
def test_samples_differ_and_a_seed_repeats_them(case):
    motion, known = case.request()
    model = case.build()
    samples = model.complete(motion, known, 3, seeded(1))
    assert not torch.equal(samples[0], samples[1])
    assert torch.equal(samples, model.complete(motion, known, 3, seeded(1)))
    assert not torch.equal(samples, model.complete(motion, known, 3, seeded(2)))
    one = model.complete(motion, known, 1, seeded(1))
    torch.testing.assert_close(one[0], samples[0])  # the number of samples does not change the first


@each_case
def test_saved_and_loaded_weights_repeat_a_rollout_bit_for_bit(case, tmp_path):
    motion, known = case.request()
    model = case.build()
    digest = model.save(tmp_path / "w", {"provenance": "test"})
    loaded = load_motion_generator(tmp_path / "w")
    assert torch.equal(
        loaded.complete(motion, known, 2, seeded(3)), model.complete(motion, known, 2, seeded(3))
    )
    assert (loaded.kind, loaded.form, loaded.fps, loaded.frame_generator_hash) == (
        case.kind,
        case.form,
        25.0,
        "abc",
    )
    assert load_weights(tmp_path / "w").sha256 == digest


@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_supported_patterns_are_a_known_past_and_known_ends(row):
    known = torch.tensor([row, row])
    count, length = sum(row), len(row)
    assert ALL[0].build().supports(known) == (0 < count < length and all(row[:count]))
    assert ALL[4].build().supports(known) == (length > 2 and count == 2 and row[0] and row[-1])


@each_case
def test_other_patterns_raise(case):
    motion, _ = case.request(4)
    for row in ([False, True, False, False], [True] * 4, [False] * 4, [True, False, True, False]):
        with pytest.raises(ValueError, match="not supported"):
            case.build().complete(motion, torch.tensor([row, row]), 1, seeded())


def test_a_longer_past_is_continued_from_its_last_frame():
    case = ALL[0]
    motion = torch.stack([wandering(8, 4, False, seed).vectors() for seed in range(2)])
    known = torch.arange(8).expand(2, 8) < 3
    samples = case.build().complete(motion, known, 2, seeded())
    first = torch.zeros(2, 6, dtype=torch.bool)
    first[:, 0] = True
    assert torch.equal(samples[:, :, 2:], case.build().complete(motion[:, 2:], first, 2, seeded()))


@pytest.mark.parametrize("kind", ["vp", "fi"])
def test_generated_jacobians_keep_their_orientation_and_the_share_is_told(kind):
    case = Case(kind, "default", True)
    model = case.build()
    model.basis.mul_(2000)
    motion, known = case.request(12)
    samples = model.complete(motion, known, 2, seeded())
    origin = Motion.from_vectors(motion[:, :1], 4).jacobian
    generated = Motion.from_vectors(samples, 4)
    relative = generated.jacobian @ torch.linalg.inv(origin)
    inner = relative[:, ~known]
    assert (torch.linalg.det(inner) > 0).all()
    values = torch.linalg.svdvals(inner)
    assert values.max() < 4.01 and values.min() > 0.249
    assert generated.value[:, ~known].abs().max() <= 1
    assert 0.3 < model.share_touched <= 1


def test_fi_without_noise_weights_is_the_straight_path():
    case = Case("fi", "default", False)
    model = case.build()
    model.basis.zero_()
    motion, known = case.request(7)
    samples = model.complete(motion, known, 1, seeded())
    torch.testing.assert_close(samples, LinearMotion(8, 4).complete(motion, known), atol=1e-6, rtol=0)


@pytest.mark.parametrize("place", [0.0, 0.99])
def test_sum_and_steps_agree_whether_or_not_the_clamp_acts(place):
    model = Case("vp", "legacy", True).build().network
    x0, noise = torch.full((2, 24), place), torch.randn(2, 30, 5, generator=seeded())
    path, coefficients = model.rollout(x0, noise)
    torch.testing.assert_close(path, clamped_path(x0, coefficients @ model.components, 8))
    assert (path[..., :8].abs().max() == 1) == (place > 0)
    torch.testing.assert_close(model.residual(x0, noise)[0], path.diff(dim=1), atol=1e-6, rtol=1e-4)


def test_translation_of_published_names_is_strict_and_the_swap_exchanges_encoders():
    network = PublishedPrediction(8, 4, 5, 6, 3)
    published = {
        name.removesuffix("_l0"): tensor for name, tensor in network.state_dict().items() if "." in name
    }
    straight, swapped = translate_published(published), translate_published(published, swap_encoders=True)
    assert set(straight) == set(network.state_dict()) - {"components", "stdev"} == set(swapped)
    assert torch.equal(swapped["ench.layers.0.weight"], straight["encc.layers.0.weight"])
    assert torch.equal(swapped["frnn.weight_ih_l0"], straight["frnn.weight_ih_l0"])


def test_published_sizes_have_the_published_number_of_parameters():
    """Specification section 10."""

    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(VideoPrediction(100, 50, "legacy")) == 21_056
    assert count(FrameInterpolation(100, 50, "legacy")) == 302_500


def test_foreign_frame_generators_are_refused_naming_both():
    model = ALL[0].build()
    check_matches(model, "abc")
    with pytest.raises(InputError, match="abc.*xyz") as caught:
        check_matches(model, "xyz")
    assert "\n" not in str(caught.value)
    check_matches(model, "xyz", allow_mismatch=True)
    check_matches(LinearMotion(8, 4), "xyz")


def test_weights_of_another_kind_or_layout_are_refused(tmp_path):
    ALL[0].build().save(tmp_path / "vp")
    with pytest.raises(InputError, match="8 numbers"):
        load_motion_generator(tmp_path / "vp", num_dims=60, num_kp=10)
    text = (tmp_path / "vp" / "config.json").read_text()
    (tmp_path / "vp" / "config.json").write_text(text.replace('"kind": "vp"', '"kind": "fomm"'))
    with pytest.raises(InputError, match="fomm weights"):
        load_motion_generator(tmp_path / "vp")
    (tmp_path / "vp" / "config.json").write_text(text.replace('"hidden_dim": 8', '"hidden_dim": 9'))
    with pytest.raises(InputError, match="disagree") as caught:
        load_motion_generator(tmp_path / "vp")
    assert "\n" not in str(caught.value)


def test_linear_is_loaded_by_name():
    assert load_motion_generator("linear", num_dims=60, num_kp=10).kind == "linear"
    with pytest.raises(ValueError, match="num_dims"):
        load_motion_generator("linear")
    with pytest.raises(InputError, match="no weights folder"):
        load_motion_generator("absent")
