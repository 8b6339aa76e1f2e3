"""CVI's networks: sizes of the fact sheet, the fusion's limits, noise, known frames, wrong input."""

from __future__ import annotations

import json

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.cvi import CviConfig, CviModelConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.cvi import Cvi
from fommvg_lib.pixel_baseline.cvi_discriminators import FrameDiscriminator, VideoDiscriminator
from fommvg_lib.pixel_baseline.cvi_losses import fooling, gradient_difference, telling_apart
from fommvg_lib.pixel_baseline.cvi_networks import (
    FadeWeights,
    ImageEncoder,
    LatentGenerator,
    VideoGenerator,
    fuse,
)
from fommvg_lib.pixel_baseline.interface import both_ends, sample_noise

TINY = CviModelConfig(4, 3, 6, 8, 4, layers_per_scale=1)


def tiny(**changes) -> Cvi:
    """A CVI with random weights for 64 px, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Cvi(TINY.replace(**changes), 64, 25.0).eval()


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_sizes_have_the_published_number_of_weights():
    model = CviConfig.from_profile("full").model
    with torch.device("meta"):
        assert count(ImageEncoder(model)) == 1_580_864
        assert count(LatentGenerator(model)) == 8_050_176


def test_the_published_path_of_shapes():
    config = CviConfig.from_profile("full")
    with torch.device("meta"):
        latents, features = ImageEncoder(config.model)(torch.empty(4, 1, 64, 64))
        assert latents.shape == (4, 64, 8, 8)
        assert [tuple(x.shape[1:]) for x in features] == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]
        video = LatentGenerator(config.model)(latents[:2], latents[2:], torch.empty(2, 128))
        assert video.shape == (2, 64, 16, 8, 8)
        made = VideoGenerator(config.model)(video, (), [])
        assert made.shape == (2, 1, 16, 64, 64)
        assert VideoDiscriminator(config).layers(made).shape == (2, 512, 16, 4, 4)
        assert VideoDiscriminator(config)(made).shape == (2,)
        assert FrameDiscriminator(config)(made[:, :, 3]).shape == (2,)


@pytest.mark.parametrize("num_frames, scales", [(4, [4]), (8, [4, 8]), (32, [4, 8, 16, 32])])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_any_power_of_two_frames_grey_or_colour(num_frames, scales, num_channels):
    model = tiny(num_frames=num_frames, num_channels=num_channels)
    assert [scale[0].num_frames for scale in model.latent_generator.scales] == scales
    frames = pictures(num_frames, num_channels, 64, 64)
    made = model.complete_video(frames, both_ends(num_frames), 1, 0)
    assert made.shape == (1, num_frames, num_channels, 64, 64) and 0 <= made.min() and made.max() <= 1


def test_closed_gates_leave_the_video_and_open_ones_the_end():
    video, first, last = pictures(2, 3, 4, 5, 5), pictures(2, 3, 5, 5) + 1, pictures(2, 3, 5, 5) + 2
    shut, wide, nothing = torch.full((2, 3, 4), -1e4), torch.full((2, 3, 4), 1e4), torch.zeros(2, 3, 4)
    assert torch.equal(fuse(video, first, last, shut, shut, nothing), video)
    assert torch.equal(fuse(video, first, last, shut, shut, nothing + 2), video + 2)
    opened = fuse(video, first, last, wide, shut, nothing)
    assert torch.equal(opened, first[:, :, None].expand_as(video))
    both = fuse(video, first, last, wide, wide, nothing)  # the rest is 0, never negative
    assert torch.equal(both, (first + last)[:, :, None].expand_as(video))


def test_skips_begin_as_a_cross_fade():
    weights = FadeWeights(5, 9)(pictures(2, 5, 9, 3, 3))
    assert torch.allclose(weights.sum(1), torch.ones(2, 9, 3, 3))
    of_two = weights[:, 1] / (weights[:, 0] + weights[:, 1])
    assert torch.allclose(of_two[0, :, 0, 0], torch.linspace(0, 1, 9), atol=1e-3)


@pytest.mark.parametrize("has_skips", [False, True])
def test_noise_is_of_seed_clip_and_sample_alone(has_skips):
    model, frames, known = tiny(has_skips=has_skips), pictures(4, 3, 64, 64), both_ends(4)
    made = model.complete_video(frames, known, 3, 7, "a#1")
    assert torch.equal(made[:2], model.complete_video(frames, known, 2, 7, "a#1"))
    assert not torch.equal(made[0], made[1])
    for seed, clip in ((8, "a#1"), (7, "a#2")):
        assert not torch.equal(made[0], model.complete_video(frames, known, 1, seed, clip)[0])
    assert torch.equal(sample_noise(6, 3, 7, "x")[1], sample_noise(6, 2, 7, "x")[1])


def test_known_frames_come_back_untouched_and_unknown_ones_are_not_read():
    model, frames, known = tiny(), pictures(4, 3, 64, 64), both_ends(4)
    hidden = frames.clone()
    hidden[1:-1] = float("nan")
    made = model.complete_video(hidden, known, 2, 0)
    assert torch.equal(made[1][known], frames[known]) and made.isfinite().all()
    assert torch.equal(made, model.complete_video(frames, known, 2, 0))


def test_what_it_cannot_complete_is_refused_by_name():
    model, frames = tiny(), pictures(8, 3, 64, 64)
    assert model.supports(both_ends(4)) and not model.supports(both_ends(8))
    assert not model.supports(torch.tensor([True, False, True, True]))
    with pytest.raises(ValueError, match="cvi makes 2 frames between two known ones, 4 in all, not 8"):
        model.complete_video(frames, both_ends(8), 1, 0)
    with pytest.raises(ValueError, match="3 channels, 64 x 64 pixels"):
        model.complete_video(pictures(4, 1, 64, 64), both_ends(4), 1, 0)


@pytest.mark.parametrize("has_skips", [False, True])
def test_what_is_saved_is_what_is_loaded(tmp_path, has_skips):
    model, frames, known = tiny(has_skips=has_skips), pictures(4, 3, 64, 64), both_ends(4)
    model.save(tmp_path / "w")
    loaded = Cvi.from_weights(load_weights(tmp_path / "w", "cvi"))
    assert (loaded.name, loaded.size, loaded.fps) == ("cvi-skip" if has_skips else "cvi", 64, 25.0)
    ours, theirs = (m.complete_video(frames, known, 1, 0) for m in (model, loaded))
    assert torch.allclose(ours, theirs, atol=1e-5)  # another memory layout sums in another order


def test_weights_that_do_not_fit_are_refused(tmp_path):
    tiny().save(tmp_path / "w")
    path = tmp_path / "w" / "config.json"
    description = json.loads(path.read_text())
    description["config"]["latent_dim"] = 12
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match="configuration and tensors disagree"):
        Cvi.from_weights(load_weights(tmp_path / "w"))


def test_spectral_norm_takes_the_place_of_layer_norm():
    sizes = {"model": TINY, "discriminator_width": 4}
    hybrid = CviConfig(**sizes)
    adversarial = CviConfig(**sizes, objective="adversarial")
    assert (hybrid.beta, adversarial.beta) == (0.02, 1.0)
    for kind in (VideoDiscriminator, FrameDiscriminator):
        norms = [
            [type(m) for m in kind(c).modules() if isinstance(m, torch.nn.GroupNorm)]
            for c in (hybrid, adversarial)
        ]
        assert norms[0] and not norms[1]
        assert any(name.endswith("weight_orig") for name, _ in kind(adversarial).named_parameters())
        assert not any(name.endswith("weight_orig") for name, _ in kind(hybrid).named_parameters())


def test_losses_have_their_closed_forms():
    ramp = torch.arange(4.0).expand(1, 4, 4)
    assert gradient_difference(ramp, ramp + 5) == 0
    assert gradient_difference(ramp, -ramp) == 0  # signs do not count
    assert gradient_difference(ramp, torch.zeros(1, 4, 4)) == 1
    undecided = torch.zeros(3)
    assert fooling(undecided).item() == pytest.approx(0.6931, abs=1e-4)
    assert telling_apart(undecided, undecided).item() == pytest.approx(1.3863, abs=1e-4)
    assert telling_apart(undecided + 50, undecided - 50).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model.num_frames": 12}, "num_frames must be 4, 8, 16"),
        ({"model.num_channels": 2}, "num_channels must be 1 or 3"),
        ({"size": 48}, "size must be at least 64"),
        ({"size": 72}, "multiple of 16"),
        ({"objective": "vae"}, "adversarial or hybrid"),
        ({"objective": "adversarial", "weight_adversarial": 0.0}, "weight_adversarial must be above 0"),
        ({"discriminator_norm": "batch"}, "layer or spectral"),
        ({"reconstruction": "l2"}, "mse or l1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CviConfig().replace(**changes)
