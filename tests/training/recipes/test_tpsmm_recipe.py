"""Facts about training TPSMM and its AVD network, on tiny networks and synthetic heads."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.avd import AvdConfig
from fommvg_lib.config.fomm_networks import HourglassConfig
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.motion import Motion
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.avd import AvdRecipe
from fommvg_lib.training.recipes.tpsmm import TpsmmRecipe
from fommvg_lib.training.update import Updater

TINY = {
    "size": 32, "batch_size": 4, "num_steps": 10, "scales": (1.0, 0.5), "model.num_tps": 2,
    "model.detector_width": 4, "model.dense_motion": HourglassConfig(4, 2, 8), "model.block_expansion": 4,
    "model.max_features": 8,
}  # fmt: skip
CAMERA = {"model.estimate_background": True, "model.background_width": 4}


def clips():
    return (SyntheticClips(split, 32, 8, num_identities=4) for split in ("train", "test"))


def build(**changes):
    config = TpsmmConfig.from_profile("smoke").replace(**{**TINY, **changes})
    return TpsmmRecipe(config, *clips(), torch.device("cpu"))


def build_avd(folder, **changes):
    build().save(folder, {})
    config = AvdConfig.from_profile("smoke").replace(**{"batch_size": 4, "num_steps": 60, **changes})
    return AvdRecipe(config, load_weights(folder), *clips(), torch.device("cpu"))


def run(recipe, start, stop):
    batches, update = recipe.batches(start), Updater(recipe, Processes(recipe.device))
    return [update(next(batches), step) for step in range(start, stop)]


def still(recipe, before):
    now = dict(recipe.model.named_parameters())
    return {name for name, value in before.items() if torch.equal(now[name], value)}


def parameters(recipe):
    return {name: value.clone() for name, value in recipe.model.named_parameters()}


def test_every_network_learns_and_the_camera_from_its_epoch_on():
    recipe = build(background_start=50, **CAMERA)  # of 100 epochs in 10 steps
    before = parameters(recipe)
    terms = run(recipe, 0, 2)
    assert all(value.isfinite() for row in terms for value in row.values())
    assert still(recipe, before) == {name for name in before if name.startswith("bg_predictor.")}
    assert "background" not in terms[0]
    later = run(recipe, 5, 6)[0]
    assert "background" in later and "grad_norm_background" in later
    assert not any(name.startswith("bg_predictor.bg_encoder.fc") for name in still(recipe, before))


def test_dropout_is_drawn_for_the_whole_batch(monkeypatch):
    from fommvg_lib.training.recipes import tpsmm

    seen = []
    original = tpsmm.generator_losses

    def watch(model, source, driving, transform, config, perceptual, use_background, kept):
        seen.append((transform.theta, kept))
        return original(model, source, driving, transform, config, perceptual, use_background, kept)

    monkeypatch.setattr(tpsmm, "generator_losses", watch)
    recipe = build(dropout_epoch=35, dropout_start=0.5, dropout_max=0.6)
    for share in (Share(), Share(0, 2), Share(1, 2)):
        recipe.phases(0)[0].losses(next(recipe.batches(0, share)), 0, share)
    (theta, kept), *parts = seen
    assert torch.equal(torch.cat([part[0] for part in parts]), theta)
    assert torch.equal(torch.cat([part[1] for part in parts]), kept)
    assert not kept.all() and kept[:, 0].all()


def test_no_dropout_after_its_last_epoch():
    recipe = build(dropout_epoch=35)
    assert recipe.config.dropout_probability(recipe.epoch(9)) == 0.0
    assert recipe.config.dropout_probability(recipe.epoch(0)) > 0.0


def test_saved_weights_render(tmp_path):
    recipe = build(ema_decay=0.9)
    run(recipe, 0, 1)
    recipe.save(tmp_path / "w", {})
    model = load_frame_generator(tmp_path / "w")
    frame = torch.rand(3, 32, 32)
    source = model.encode(frame)
    assert next(model.render(source, source.motion)).shape == (1, 3, 32, 32)
    assert recipe.pictures(1)["reconstruction"].shape[-1] == 3 and recipe.validate(1)["ratio"] > 0


def test_avd_learns_to_undo_the_stretch_and_leaves_the_detector_alone(tmp_path):
    recipe = build_avd(tmp_path / "tpsmm")
    before = {name: value.clone() for name, value in recipe.tpsmm.state_dict().items()}
    terms = [row["shift"].item() for row in run(recipe, 0, 60)]
    assert sum(terms[-10:]) < 0.5 * sum(terms[:10])
    assert all(torch.equal(before[name], value) for name, value in recipe.tpsmm.state_dict().items())


def test_avd_is_saved_with_its_tpsmm(tmp_path):
    recipe = build_avd(tmp_path / "tpsmm", **{"network.id_bottleneck": 8})
    run(recipe, 0, 2)
    recipe.save(tmp_path / "both", {})
    model = load_frame_generator(tmp_path / "both")
    points = Motion(torch.rand(3, 10, 2))
    with torch.no_grad():
        expected = recipe.network.eval()(points[:1].expand(3), points).value
    torch.testing.assert_close(model.disentangle(points[:1], points).value, expected)
    assert recipe.pictures(1)["strangers"].shape[-1] == 3 and recipe.validate(1)["shift"] > 0


def test_avd_needs_a_tpsmm(tmp_path):
    from fommvg_lib.weights import find_weights

    config = AvdConfig.from_profile("smoke")
    with pytest.raises(InputError, match="AVD is trained on TPSMM"):
        AvdRecipe(config, load_weights(find_weights("heads64-fomm")), *clips(), torch.device("cpu"))


def test_keypoints_stay_those_of_the_tpsmm_before_its_avd_training(tmp_path):
    recipe = build_avd(tmp_path / "tpsmm")
    recipe.save(tmp_path / "both", {})
    before, both = (load_frame_generator(tmp_path / name) for name in ("tpsmm", "both"))
    frames = torch.rand(2, 3, before.size, before.size)
    assert torch.equal(before.extract(frames).value, both.extract(frames).value)
    assert both.weights_hash == before.weights_hash  # so that what learned its motion moves it still
