"""Facts about training CVI, on tiny networks and synthetic heads."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.cvi import CviConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline import load_video_completer
from fommvg_lib.share import Share
from fommvg_lib.training.build import build_recipe
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.cvi import CviRecipe
from fommvg_lib.training.update import Updater
from tests.training.small_runs import OFTEN, assert_same, fit_until, outcome, quiet_fit

TINY = {
    "model.num_frames": 4, "model.noise_dim": 4, "model.latent_dim": 8, "model.base_width": 4,
    "model.layers_per_scale": 1, "discriminator_width": 4, "batch_size": 2, "precision": "fp32",
}  # fmt: skip


def build(num_clips: int = 3, **changes) -> CviRecipe:
    config = CviConfig.from_profile("smoke").replace(**{**TINY, **changes})
    clips = (SyntheticClips(split, config.size, 8, num_identities=num_clips) for split in ("train", "test"))
    return CviRecipe(config, *clips, torch.device("cpu"))


def run(recipe: CviRecipe, steps: int) -> list[dict[str, torch.Tensor]]:
    batches, update = recipe.batches(0), Updater(recipe, Processes(recipe.device))
    return [update(next(batches), step) for step in range(steps)]


@pytest.mark.parametrize("objective", ["hybrid", "adversarial"])
@pytest.mark.parametrize("has_skips", [False, True])
def test_every_network_learns_and_terms_are_finite(objective, has_skips):
    recipe = build(objective=objective, **{"model.has_skips": has_skips, "model.num_channels": 1})
    before = {
        f"{name}.{key}": value.clone()
        for name, network in recipe.networks.items()
        for key, value in network.named_parameters()
    }
    terms = run(recipe, 2)
    assert all(value.isfinite() and not value.requires_grad for row in terms for value in row.values())
    assert ("loss_pixel" in terms[0]) == (objective == "hybrid")
    still = [
        key
        for name, network in recipe.networks.items()
        for key, value in network.named_parameters()
        if torch.equal(before[f"{name}.{key}"], value)
    ]
    assert not still


def test_the_smoke_profile_trains_with_finite_terms():
    clips = (SyntheticClips(split, 64, 16, num_identities=4) for split in ("train", "test"))
    recipe = CviRecipe(CviConfig.from_profile("smoke", batch_size=2), *clips, torch.device("cpu"))
    (terms,) = run(recipe, 1)
    wanted = {"loss_pixel", "loss_gradient", "loss_G_video", "loss_G_frame", "loss_D_video", "loss_D_frame"}
    assert wanted <= terms.keys() and all(value.isfinite() for value in terms.values())


STILL = {"data.augmentation.time_flip": False, "data.augmentation.horizontal_flip": False, "batch_size": 1}


def on_one_window(**changes) -> CviRecipe:
    """A recipe that sees one window of one clip in every step."""
    recipe = build(1, stride=2, num_steps=400, **STILL, **changes)
    recipe.windows.clips = SyntheticClips("train", 64, 7, num_identities=1)
    return recipe


@pytest.mark.parametrize("has_skips, limit", [(False, 0.35), (True, 0.6)])
def test_one_clip_is_overfitted(has_skips, limit):
    """With skips it begins as a cross-fade does, so there is less to gain."""
    sizes = {"model.has_skips": has_skips, "model.base_width": 8, "model.latent_dim": 16}
    recipe = on_one_window(weight_adversarial=0.0, lr_generator=1e-2, **sizes)
    errors = [row["loss_pixel"].item() for row in run(recipe, 90)]
    assert sum(errors[-5:]) / 5 < limit * errors[0]


@pytest.mark.parametrize("objective", ["hybrid", "adversarial"])
def test_discriminators_tell_one_clip_from_an_untrained_models(objective):
    rates = {"lr_generator": 1e-9, "lr_discriminator": 1e-3}
    rows = run(on_one_window(objective=objective, **rates, **{"model.has_skips": False}), 30)
    for name in ("loss_D_video", "loss_D_frame"):
        assert rows[-1][name] < 0.6 * rows[0][name]


def test_discriminators_see_the_clips_of_their_own_step_between_the_true_ends():
    recipe = build()
    batch = next(recipe.batches(0))
    for phase in recipe.phases(0):
        phase.losses(batch, 0, Share())
    assert not batch["made"].requires_grad
    real = (batch["clip"] * 2 - 1).movedim(1, 2)
    assert torch.equal(batch["made"][:, :, [0, -1]], real[:, :, [0, -1]])
    assert not torch.equal(batch["made"][:, :, 1], real[:, :, 1])


def test_without_adversarial_terms_there_is_no_discriminator():
    recipe = build(weight_adversarial=0.0)
    assert set(recipe.networks) == {"model"} and len(recipe.phases(0)) == 1


def test_noise_of_shares_is_part_of_the_whole_and_changes_by_step():
    recipe = build()
    whole = recipe.noise(3, Share(), 4, 5)
    parts = [recipe.noise(3, Share(index, 2), 2, 5) for index in range(2)]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(whole, recipe.noise(4, Share(), 4, 5))


@pytest.mark.parametrize("changes", [{}, {"objective": "adversarial"}], ids=["layer", "spectral"])
def test_a_resumed_run_is_equal(tmp_path, changes):
    changes = {"num_steps": 5, "ema_decay": 0.9, **changes}
    settings = OFTEN.replace(validate_every=0, pictures_every=0, checkpoint_every=2)
    quiet_fit(build(**changes), tmp_path / "whole", settings)
    fit_until(3, build(**changes), tmp_path / "cut", settings)
    result = quiet_fit(build(**changes), tmp_path / "cut", settings, resume=True)
    assert_same(outcome(tmp_path / "cut"), outcome(tmp_path / "whole"))
    assert result.is_complete and {"l1", "l1_cross_fade", "ratio"} <= result.validation.keys()
    loaded = load_video_completer(tmp_path / "cut")
    assert (loaded.name, loaded.num_frames, loaded.fps) == ("cvi-skip", 4, 25.0)


def test_a_run_begins_with_trained_weights(tmp_path):
    first = build(num_steps=1)
    first.save(tmp_path / "w", {})
    second = build(num_steps=1, seed=1)
    second.start_from(load_weights(tmp_path / "w"))
    for name, value in first.completer().state_dict().items():
        assert torch.equal(second.completer().state_dict()[name], value)
    with pytest.raises(InputError, match="latent_dim"):
        build(**{"model.latent_dim": 4}).start_from(load_weights(tmp_path / "w"))


def test_pictures_show_real_made_and_cross_faded_rows():
    (picture,) = build().pictures(0).values()
    assert picture.dtype.name == "uint8" and picture.shape[1] == 4 * 64 + 3 * 2


def test_clips_that_are_too_short_are_refused():
    config = CviConfig.from_profile("smoke").replace(**{**TINY, "model.num_frames": 32})
    clips = (SyntheticClips(split, 64, 8, num_identities=2) for split in ("train", "test"))
    with pytest.raises(InputError, match="no clip has the 32 frames"):
        CviRecipe(config, *clips, torch.device("cpu"))


def test_a_frame_generator_has_no_part_in_it():
    with pytest.raises(InputError, match="train cvi takes no --frame-generator"):
        build_recipe("cvi", CviConfig(), "synthetic", torch.device("cpu"), frame_generator="heads64-fomm")
