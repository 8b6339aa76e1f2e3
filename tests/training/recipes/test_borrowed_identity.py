"""Facts about borrowed identities: who lends to whom, what changes, and that runs stay exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig
from fommvg_lib.files import InputError
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import Share
from fommvg_lib.training.engine import EngineConfig
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.borrowed_identity import BorrowedIdentity, lend_identities
from fommvg_lib.training.recipes.frame_interpolation import FrameInterpolationRecipe
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from fommvg_lib.training.update import Updater
from tests.motion_cases import wandering_clips
from tests.test_main import assert_refused, run
from tests.tpsmm_cases import pass_on, save_tpsmm, small_tpsmm
from tests.training.small_runs import (
    SMALL_MOTION,
    assert_close,
    assert_same,
    fit_until,
    outcome,
    quiet_fit,
    without_pictures,
)

EACH_FORM = pytest.mark.parametrize("form", ["default", "legacy"])


def clips_of(weights_hash, num_clips=9):
    """Made-up motion of ten points, as if it were a frame generator's."""
    made = wandering_clips(num_clips, num_kp=10, has_jacobian=False)
    return [replace(clip, weights_hash=weights_hash) for clip in made]


def lender(part, share=1.0):
    network = small_tpsmm().avd_network
    pass_on(network, part)
    return BorrowedIdentity(network, share)


@pytest.fixture
def weights(tiny_tpsmm):
    return load_weights(tiny_tpsmm)


def build(weights, form="default", avd_share=1.0, **changes):
    config = VideoPredictionConfig(form=form, avd_share=avd_share).replace(**{**SMALL_MOTION, **changes})
    return without_pictures(VideoPredictionRecipe(config, clips_of(weights.sha256), "cpu", weights))


def windows_of(count=6, length=5):
    return 0.5 * torch.randn(count, length, 20, generator=torch.Generator().manual_seed(0))


def test_a_network_that_passes_the_pose_on_changes_nothing():
    windows, lent = windows_of(), lender("pose")
    made = lent.change(windows, **lent.draw(windows, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(made, windows, atol=1e-5, rtol=0)


def test_a_network_that_passes_the_identity_on_shows_the_lender_in_every_frame():
    windows, lent = windows_of(), lender("identity")
    drawn = lent.draw(windows, torch.Generator().manual_seed(1))
    made = lent.change(windows, **drawn)
    torch.testing.assert_close(made, drawn["identity"][:, None].expand_as(windows), atol=1e-5, rtol=0)


def test_identities_are_frames_of_other_windows_and_all_are_drawn():
    windows, lent = windows_of(), lender("pose")
    seen = set()
    for seed in range(40):
        drawn = lent.draw(windows, torch.Generator().manual_seed(seed))
        assert drawn["borrows"].all()
        for own, identity in enumerate(drawn["identity"]):
            window, _ = (windows == identity).all(dim=-1).nonzero()[0].tolist()
            assert window != own
            seen.add((own, window))
    assert len(seen) == 6 * 5
    alone = windows[:1]
    identity = lent.draw(alone, torch.Generator().manual_seed(0))["identity"]
    assert (alone == identity).all(dim=-1).any()


def test_only_the_share_is_changed_and_the_rest_to_the_bit_as_it_was():
    windows, lent = windows_of(400, 3), lender("identity", 0.3)
    drawn = lent.draw(windows, torch.Generator().manual_seed(1))
    made = lent.change(windows, **drawn)
    kept = (made == windows).flatten(1).all(dim=1)
    assert torch.equal(kept, ~drawn["borrows"]) and 80 < drawn["borrows"].sum() < 160


def test_the_legacy_form_lends_one_frame_to_all_and_leaves_the_first_frame_given(weights):
    plain, lent = build(weights, "legacy", 0.0), build(weights, "legacy")
    batch, expected = next(lent.batches(4)), next(plain.batches(4))
    assert (batch["identity"] == batch["identity"][0]).all()
    assert (lent.train.vectors == batch["identity"][0]).all(dim=1).any()
    for name in ("windows", "frames"):
        assert torch.equal(batch[name], expected[name])


def test_the_critic_sees_borrowed_motion(weights):
    recipe, plain = build(weights), build(weights, avd_share=0.0)
    pass_on(recipe.identities.network, "identity")
    batch = next(recipe.batches(0))
    largest = []
    for each in (recipe, plain):
        each.phases(0)[0].losses(batch, 0, Share())
        largest.append(batch["real"].abs().max())
    assert largest[0] < 1e-3 < 0.1 < largest[1]  # a window of one and the same frame does not move


def test_the_legacy_critic_sees_borrowed_motion(weights):
    recipe, plain, seen = build(weights, "legacy"), build(weights, "legacy", 0.0), []
    pass_on(recipe.identities.network, "identity")
    batch = next(recipe.batches(0))
    for each in (recipe, plain):
        each.networks["critic"].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        each.phases(0)[1].losses(batch, 0, Share())
    ours, theirs = (differences.abs().max() for differences in seen[::2])  # of real windows, then generated
    assert ours < 1e-5 < 1e-3 < theirs


def test_moments_are_those_of_borrowed_motion(weights):
    recipe, plain = build(weights), build(weights, avd_share=0.0)
    assert not torch.allclose(recipe.features.place, plain.features.place, rtol=0.01)
    pass_on(recipe.identities.network, "pose")
    recipe.measure_motion()
    torch.testing.assert_close(recipe.features.place, plain.features.place, rtol=1e-3, atol=0)


@EACH_FORM
def test_shares_of_a_batch_are_its_parts(weights, form):
    recipe = build(weights, form)
    whole = next(recipe.batches(3))
    changed = recipe.identities.change(whole["windows"], whole["identity"], whole["borrows"])
    parts = [next(recipe.batches(3, Share(index, 4))) for index in range(4)]
    for name, values in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), values)
    made = [recipe.identities.change(p["windows"], p["identity"], p["borrows"]) for p in parts]
    torch.testing.assert_close(torch.cat(made), changed)


def test_a_batch_in_parts_trains_as_the_whole(weights):
    # Moments are of each part, so without them.
    whole, parts = (build(weights, weight_moments=0.0) for _ in range(2))
    for recipe, count in ((whole, 1), (parts, 4)):
        batches, update = recipe.batches(0), Updater(recipe, Processes(recipe.device), count)
        for step in range(2):
            update(next(batches), step)
    assert_close(whole, parts)


@EACH_FORM
def test_a_resumed_run_equals_an_unbroken_one_and_leaves_the_network_alone(weights, tmp_path, form):
    recipe = build(weights, form)
    before = {name: value.clone() for name, value in recipe.identities.network.state_dict().items()}
    settings = EngineConfig(log_every=1, validate_every=0, pictures_every=0, checkpoint_every=3)
    quiet_fit(recipe, tmp_path / "whole", settings)
    after = recipe.identities.network.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    fit_until(4, build(weights, form), tmp_path / "broken", settings)
    quiet_fit(build(weights, form), tmp_path / "broken", settings, resume=True)
    assert_same(outcome(tmp_path / "whole"), outcome(tmp_path / "broken"))
    assert not any("avd" in name for name in load_weights(tmp_path / "whole").state)
    with pytest.raises(InputError, match=r"avd_share was 1\.0, now 0\.0"):
        quiet_fit(build(weights, form, 0.0), tmp_path / "broken", settings, resume=True)


def test_a_run_is_not_resumed_with_another_network(weights, tmp_path):
    settings = EngineConfig(log_every=1, validate_every=0, pictures_every=0, checkpoint_every=3)
    fit_until(4, build(weights), tmp_path / "run", settings)
    save_tpsmm(tmp_path / "other", small_tpsmm(seed=1), tpsmm=weights.sha256)
    config = VideoPredictionConfig(avd_share=1.0).replace(**SMALL_MOTION)
    other = VideoPredictionRecipe(config, clips_of(weights.sha256), "cpu", load_weights(tmp_path / "other"))
    with pytest.raises(InputError, match="identities by"):
        quiet_fit(other, tmp_path / "run", settings, resume=True)


def test_motion_of_the_tpsmm_before_its_avd_training_fits(tmp_path):
    save_tpsmm(tmp_path / "both", small_tpsmm(), tpsmm="before")
    weights = load_weights(tmp_path / "both")
    for name in ("before", weights.sha256, ""):
        config = VideoPredictionConfig(avd_share=1.0).replace(**SMALL_MOTION)
        assert VideoPredictionRecipe(config, clips_of(name), "cpu", weights).identities is not None


def test_what_does_not_fit_together_is_refused_naming_both(weights, tiny_weights, tmp_path):
    save_tpsmm(tmp_path / "no-avd", small_tpsmm(avd=None))
    save_tpsmm(tmp_path / "fewer", small_tpsmm(num_tps=1))
    plain, fewer, fomm = map(load_weights, (tmp_path / "no-avd", tmp_path / "fewer", tiny_weights))
    of_fomm = PackedMotion.from_clips(wandering_clips(9))  # with Jacobians, of "frames"
    for given, motion, reason in (
        (None, of_fomm, r"avd_share=1\.0 is for a TPSMM.*motion set is of a FOMM, frames"),
        (weights, of_fomm, r"avd_share=1\.0 is for a TPSMM.*motion set is of a FOMM, frames"),
        (fomm, clips_of(fomm.sha256), r"avd_share=1\.0 .* and .*tiny-fomm\d* holds fomm weights"),
        (None, clips_of("abc"), r"avd_share=1\.0 needs --frame-generator, .* Jacobians, abc"),
        (plain, clips_of(plain.sha256), "no-avd: holds tpsmm weights and no AVD network"),
        (fewer, clips_of(fewer.sha256), "fewer: its AVD network takes 10 numbers a frame, .* has 20"),
    ):
        packed = motion if isinstance(motion, PackedMotion) else PackedMotion.from_clips(motion)
        with pytest.raises(InputError, match=reason):
            lend_identities(given, packed, 1.0, "cpu")
        assert lend_identities(given, packed, 0.0, "cpu") is None


@pytest.mark.parametrize(
    "recipe,config",
    [
        (VideoPredictionRecipe, VideoPredictionConfig()),
        (FrameInterpolationRecipe, FrameInterpolationConfig()),
    ],
    ids=["vp", "fi"],
)
def test_motion_of_another_frame_generator_is_refused_naming_both(weights, recipe, config):
    with pytest.raises(InputError, match=rf"tiny-tpsmm\d*: is the tpsmm .*{weights.sha256[:12]}.* frames"):
        recipe(config.replace(**SMALL_MOTION), wandering_clips(9), "cpu", weights)


def test_published_training_borrows_for_every_window_and_the_default_for_none():
    assert VideoPredictionConfig.from_profile("full").avd_share == 1.0
    for profile in ("smoke", "shipped", "colab"):
        assert VideoPredictionConfig.from_profile(profile).avd_share == 0.0
    for share in (-0.1, 1.5):
        with pytest.raises(ValueError, match="avd_share"):
            VideoPredictionConfig(avd_share=share)


def test_the_command_trains_on_a_tpsmms_motion_and_refuses_the_rest(tiny_tpsmm, tmp_path, capsys):
    changes = ("num_clips=3", "clip_frames=16", "num_epochs=1", "epoch_size=2", "batch_size=4", "avd_share=1")
    words = ("train", "vp", "--data", "synthetic", "--out", tmp_path / "run")
    assert_refused(run(capsys, *words, *changes), "avd_share=1.0", "a FOMM")
    assert run(capsys, *words, *changes, "--frame-generator", tiny_tpsmm)[0] == 0
    info = load_weights(tmp_path / "run").info
    assert info["frame_generator_hash"] == load_weights(tiny_tpsmm).sha256
    words = ("train", "fomm", "--data", "synthetic", "--out", tmp_path / "fomm")
    assert_refused(run(capsys, *words, "--frame-generator", tiny_tpsmm), "train fomm", "--frame-generator")
