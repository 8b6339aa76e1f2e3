"""Facts about training FOMM, on tiny networks and synthetic heads."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.fomm import DiscriminatorConfig, FommConfig, HourglassConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.update import Updater

TINY = {
    "size": 32, "batch_size": 4, "num_steps": 10, "scales": (1.0, 0.5), "model.num_kp": 3,
    "model.detector": HourglassConfig(4, 2, 8), "model.dense_motion": HourglassConfig(4, 2, 8),
    "model.block_expansion": 4, "model.max_features": 8, "model.num_bottleneck_blocks": 1,
}  # fmt: skip
GAN = {
    "loss_weights.generator_gan": 1.0, "loss_weights.feature_matching": (10.0, 10.0),
    "discriminator": DiscriminatorConfig(block_expansion=4, max_features=8, num_blocks=2, spectral_norm=True),
}  # fmt: skip


def build(**changes):
    config = FommConfig.from_profile("smoke").replace(**{**TINY, **changes})
    clips = (SyntheticClips(split, config.size, 8, num_identities=4) for split in ("train", "test"))
    return FommRecipe(config, *clips, torch.device("cpu"))


def run(recipe, steps):
    batches, update = recipe.batches(0), Updater(recipe, Processes(recipe.device))
    return [update(next(batches), step) for step in range(steps)]


@pytest.mark.parametrize("changes", [{}, GAN], ids=["plain", "gan"])
def test_every_network_learns_and_terms_are_finite(changes):
    recipe = build(**changes)
    before = {
        f"{name}.{key}": value.clone()
        for name, network in recipe.networks.items()
        for key, value in network.named_parameters()
    }
    terms = run(recipe, 2)
    assert all(value.isfinite() and not value.requires_grad for row in terms for value in row.values())
    still = [
        key
        for name, network in recipe.networks.items()
        for key, value in network.named_parameters()
        if torch.equal(before[f"{name}.{key}"], value)
    ]
    assert not still


def test_the_discriminator_sees_the_prediction_of_its_own_step():
    recipe = build(**GAN)
    generator, discriminator = recipe.phases(0)
    batch = next(recipe.batches(0))
    generator.losses(batch, 0, Share())
    assert batch["prediction"].shape == batch["driving"].shape and not batch["prediction"].requires_grad
    total = discriminator.losses(batch, 0, Share()).total
    total.backward()
    assert all(p.grad is None for p in recipe.model.parameters())


def test_clipped_gradients_have_the_largest_norm_allowed_and_the_log_the_true_one():
    recipe = build(clip_norm=1e-3, **{"loss_weights.perceptual": (1000.0, 0.0, 0.0)})
    norms = []

    def watch(optimizer, args, kwargs):
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        norms.append(torch.nn.utils.get_total_norm(gradients).item())

    for optimizer in recipe.optimizers.values():
        optimizer.register_step_pre_hook(watch)
    terms = run(recipe, 1)[0]
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-2)
    assert terms["grad_norm_generator"] > 0.1


def test_shares_of_a_batch_are_its_parts():
    recipe = build()
    whole = next(recipe.batches(3))
    parts = [next(recipe.batches(3, Share(index, 2))) for index in range(2)]
    for name in ("source", "driving"):
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])
    assert [*parts[0]["name"], *parts[1]["name"]] == whole["name"]


def test_the_running_mean_is_what_is_saved(tmp_path):
    recipe = build(ema_decay=0.9)
    run(recipe, 3)
    recipe.save(tmp_path / "w", {})
    saved, average = load_weights(tmp_path / "w").state, recipe.averages["model"].state_dict()
    assert all(torch.equal(saved[name], value) for name, value in average.items())
    assert not all(torch.equal(saved[name], value) for name, value in recipe.model.state_dict().items())
    load_frame_generator(tmp_path / "w")


def test_warm_start_begins_with_the_weights(tmp_path):
    first = build(seed=1)
    run(first, 1)
    first.save(tmp_path / "w", {})
    second = build(seed=2, ema_decay=0.9)
    second.start_from(load_weights(tmp_path / "w"))
    for network in (second.model, second.averages["model"]):
        begun = network.state_dict()
        assert all(torch.equal(begun[name], value) for name, value in first.model.state_dict().items())


def test_warm_start_from_another_size_names_the_difference(tmp_path):
    build().save(tmp_path / "w", {})
    with pytest.raises(InputError, match="num_kp = 3, here it is 4"):
        build(**{"model.num_kp": 4}).start_from(load_weights(tmp_path / "w"))
