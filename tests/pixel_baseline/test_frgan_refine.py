"""FRGAN's refining stage: near the identity at the start, windows of long clips, the losses' meaning."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.config.frgan import ForecastConfig, RefineConfig, StructureConfig
from fommvg_lib.pixel_baseline.frgan.model import WINDOW, Frgan
from fommvg_lib.pixel_baseline.frgan.objective import conditional_penalty, flicker, gradient_difference
from fommvg_lib.pixel_baseline.frgan.refine import RefineGenerator, VideoCritic

SMALL = RefineConfig(4, 16, 1, 4, 16)


def small_model(**refine) -> Frgan:
    torch.manual_seed(0)
    chosen = SMALL.replace(**refine).to_dict()
    structure = StructureConfig().to_dict()
    return Frgan(16, 3, structure, 4, 4, ForecastConfig(8, 4, 16).to_dict(), chosen).eval()


def test_a_closed_mask_gives_the_forecast_back_exactly():
    network = RefineGenerator(SMALL.replace(mask_bias=-200.0), 3, 0)
    clip = torch.rand(1, 3, 8, 16, 16) * 2 - 1
    refined = network(clip)
    assert torch.equal(refined.clip, clip)
    assert refined.mask.max() == 0


def test_it_begins_near_the_identity():
    clip = torch.rand(1, 3, 8, 16, 16) * 2 - 1
    refined = RefineGenerator(SMALL, 3, 0)(clip)
    assert refined.mask.mean() < 0.2
    assert (refined.clip - clip).abs().mean() < 0.2 * clip.abs().mean()


def test_gradients_reach_every_parameter():
    network, critic = RefineGenerator(SMALL, 3, 7), VideoCritic(SMALL, 10)
    clip, condition = torch.rand(1, 3, 8, 16, 16), torch.rand(1, 7, 8, 16, 16)
    made = network(clip, condition)
    critic(torch.cat([made.clip, condition], dim=1)).sum().backward()
    for module in (network, critic):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_other_lengths_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        RefineGenerator(SMALL, 3, 0)(torch.zeros(1, 3, 6, 16, 16))


@pytest.mark.parametrize("length", [4, 8, 16])
def test_the_video_critic_gives_one_score_a_clip(length: int):
    assert VideoCritic(SMALL, 3)(torch.zeros(2, 3, length, 16, 16)).shape == (2, 1)


@pytest.mark.parametrize("length", [1, 6, WINDOW, 19, 40])
@torch.no_grad()
def test_windows_of_a_long_clip_fit_together(length: int):
    model = small_model(mask_bias=-200.0)
    clip = torch.rand(length, 3, 16, 16)
    torch.testing.assert_close(model.refine(clip, clip[0], torch.zeros(length, 4, 16, 16)), clip)


@torch.no_grad()
def test_one_window_is_the_network_itself():
    model, clip, maps = small_model(), torch.rand(WINDOW, 3, 16, 16), torch.rand(WINDOW, 4, 16, 16)
    whole = model.refiner(clip.movedim(0, 1)[None], model.condition(clip[:1], maps[None])).clip[0]
    torch.testing.assert_close(model.refine(clip, clip[0], maps), whole.movedim(1, 0))


def test_render_pins_the_start_frame_and_stays_in_range():
    model, maps, source = small_model(), torch.rand(6, 4, 16, 16), torch.rand(3, 16, 16)
    video = model.render(source, maps[0], maps)
    assert torch.equal(video[0], source)
    assert 0 <= video.min()
    assert video.max() <= 1
    assert not torch.equal(model.render(source, maps[0], maps, begins=False)[0], source)


def test_render_refuses_other_sizes():
    with pytest.raises(ValueError, match="expected a frame and maps"):
        small_model().render(torch.rand(3, 32, 32), torch.rand(4, 16, 16), torch.rand(2, 4, 16, 16))


def test_flicker_counts_what_changes_wrongly_not_what_is_wrong():
    real = torch.rand(1, 3, 8, 4, 4)
    assert flicker(real + 0.25, real) == pytest.approx(0, abs=1e-6)
    wrong = torch.tensor([0.1, -0.1] * 4)[:, None, None]
    assert flicker(real + wrong, real).item() == pytest.approx(0.2, rel=1e-4)


def test_gradient_difference_sees_blur_and_not_sign():
    real = torch.rand(1, 3, 4, 6, 6)
    assert gradient_difference(real, real) == 0
    assert gradient_difference(1 - real, real) == pytest.approx(0, abs=1e-6)
    assert gradient_difference(torch.full_like(real, 0.5), real) > 0.3


def test_the_penalty_is_0_for_a_slope_of_1_over_all_channels():
    slope = torch.full((1, 6, 4, 4), 1.0)
    slope /= slope.norm()
    real, fake = torch.rand(2, 6, 4, 4), torch.rand(2, 6, 4, 4)

    def critic(x):
        return (x * slope).flatten(1).sum(1)

    mix = torch.rand(2)
    assert conditional_penalty(critic, real, fake, mix).item() == pytest.approx(0, abs=1e-9)
    assert conditional_penalty(lambda x: 3 * critic(x), real, fake, mix).item() == pytest.approx(4, rel=1e-4)
