"""Facts about training motion flow: masks, steps, the running mean, and what it learns of a known process."""

from __future__ import annotations

import functools

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.flow import FlowConfig
from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.motion_losses import flow_matching
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.flow import FlowRecipe
from fommvg_lib.training.recipes.known_frames import draw_known
from fommvg_lib.training.update import Updater
from tests.motion_cases import wandering_clips

SMALL = {
    "num_epochs": 2, "epoch_size": 4, "batch_size": 8, "num_patterns": 4, "width": 16,
    "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "max_window": 24, "warm_up": 2, "num_samples": 2,
}  # fmt: skip


def build(has_jacobian=True, num_clips=9, **changes):
    clips = wandering_clips(num_clips, has_jacobian=has_jacobian)
    return FlowRecipe(FlowConfig().replace(**{**SMALL, **changes}), clips, "cpu")


def run(recipe, start, stop):
    batches, update = recipe.batches(start, Share()), Updater(recipe, Processes(recipe.device))
    return [update(next(batches), step) for step in range(start, stop)]


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("has_jacobian", [True, False])
def test_every_part_learns_and_all_terms_are_finite(has_jacobian):
    recipe = build(has_jacobian)
    before = state(recipe.model)
    terms = run(recipe, 0, 4)
    assert all(value.isfinite() for row in terms for value in row.values())
    trained = {name for name, _ in recipe.model.named_parameters()}
    after = state(recipe.model)
    assert {name for name in trained if not torch.equal(before[name], after[name])} == trained
    kept = set(before) - trained
    assert kept and all(torch.equal(before[name], after[name]) for name in kept)


def test_validation_and_pictures_leave_the_training_alone():
    plain, watched = build(), build()
    unwatched = run(plain, 0, 3)
    run(watched, 0, 1)
    figures, pictures = watched.validate(1), watched.pictures(1)
    assert all(isinstance(value, float) and value == value for value in figures.values())
    assert {"velocity_value", "best_12_value", "frechet_displacement_32_all"} <= figures.keys()
    assert pictures["tracks"].dtype.name == "uint8" and pictures["tracks"].shape[-1] == 3
    assert run(watched, 1, 3) == unwatched[1:]


def test_what_is_saved_is_the_running_mean_of_the_weights(tmp_path):
    recipe = build(ema_decay=0.5)
    mean = {name: tensor.clone() for name, tensor in recipe.model.named_parameters()}
    for step in range(4):
        run(recipe, step, step + 1)
        decay = min(0.5, (1 + step) / (10 + step))
        for name, tensor in recipe.model.named_parameters():
            mean[name].lerp_(tensor.detach(), 1 - decay)
    recipe.save(tmp_path / "w", {})
    saved = load_weights(tmp_path / "w").state
    for name, tensor in recipe.model.named_parameters():
        torch.testing.assert_close(saved[name], mean[name].detach())
        assert not torch.equal(saved[name], tensor)
    model = load_motion_generator(tmp_path / "w", num_dims=24, num_kp=4)
    assert (model.kind, model.fps, model.frame_generator_hash) == ("flow", 25.0, "frames")
    assert (model.min_window, model.max_window) == (4, 24)


def test_shares_of_a_batch_are_its_parts():
    whole = next(build().batches(3, Share()))
    parts = [next(build().batches(3, Share(index, 4))) for index in range(4)]
    for name, values in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), values), name
    recipe = build()
    noise = recipe.randn(3, 1, Share(), 8, 5, 24)
    shares = [recipe.randn(3, 1, Share(index, 4), 2, 5, 24) for index in range(4)]
    assert torch.equal(torch.cat(shares), noise)


def test_losses_of_shares_average_to_that_of_the_whole_batch():
    recipe = build()
    torch.nn.init.normal_(recipe.model.network.read_out.weight, std=0.3)

    def losses(share):
        return recipe.phases(2)[0].losses(next(recipe.batches(2, share)), 2, share).total

    parts = torch.stack([losses(Share(index, 4)) for index in range(4)])
    torch.testing.assert_close(parts.mean(), losses(Share()), atol=1e-5, rtol=1e-4)
    assert parts.std() > 1e-3


def test_windows_have_every_length_and_short_ones_as_often_as_long():
    batches = build(num_epochs=100).batches(0, Share())
    lengths = torch.tensor([next(batches)["windows"].shape[1] for _ in range(200)])
    assert lengths.min() == 4 and lengths.max() == 24
    assert 0.35 < (lengths < 4 * 6**0.5).float().mean() < 0.65  # the middle on a logarithmic scale


def test_known_frames_have_the_stated_mixture():
    config = FlowConfig()
    known = draw_known(20_000, 12, config, torch.Generator().manual_seed(0))
    count = known.sum(dim=1)
    assert count.min() >= 1 and count.max() <= 11
    share = {
        "prediction": (known[:, 0] & (count == 1)).float().mean(),
        "interpolation": (known[:, 0] & known[:, -1] & (count == 2)).float().mean(),
        "past": (known.int().diff(dim=1) <= 0).all(dim=1).float().mean(),
    }
    assert 0.29 < share["interpolation"] < 0.33
    assert 0.3 < share["prediction"] < 0.35  # a past of one frame is one too
    assert 0.49 < share["past"] < 0.55
    assert (~known[:, 0]).float().mean() > 0.1  # the first frame need not be known
    everywhere = known[~known[:, 0]].float().mean(dim=0)
    assert everywhere[1:].min() > 0.15 and everywhere[1:].max() < 0.45


def test_error_of_a_known_frame_does_not_count_and_a_constant_error_does_not_change():
    wanted = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([[True, False, False, False, False, False]] * 2)
    shift = torch.where(known[..., None], 7.0, 2.0)
    units = [torch.ones(3), torch.full((3,), 2.0), torch.full((3,), 0.5)]
    losses = flow_matching(wanted + shift, wanted, known, units)
    wanted_losses = 4 * 5 / 6, 4 / 5 / 4, 4 / 4 * 4  # the step out of the known frame is the only change
    assert [loss.item() for loss in losses] == pytest.approx(wanted_losses)
    losses = flow_matching(wanted.masked_fill(known[..., None], 9), wanted, known, units)
    assert sum(losses) == 0


def test_rate_rises_stays_and_falls():
    recipe = build(num_epochs=10, epoch_size=10, warm_up=9, constant_share=0.5)
    factors = [recipe.learning_rate_factor(step) for step in (0, 4, 9, 50, 75, 99)]
    assert factors == pytest.approx([0.1, 0.5, 1, 1, 0.5, 0.02])


def test_gradients_are_cut():
    recipe = build(clip_norm=1e-3)
    recipe.model.network.read_out.weight.grad = torch.ones_like(recipe.model.network.read_out.weight)
    recipe.phases(0)[0].before()
    assert recipe.model.network.read_out.weight.grad.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_warm_start_begins_with_the_weights_and_other_sizes_are_refused(tmp_path):
    first = build()
    run(first, 0, 3)
    first.save(tmp_path / "w", {})
    second = build(num_clips=12, seed=5)
    second.start_from(load_weights(tmp_path / "w"))
    saved = first.for_use("model").state_dict()
    for network in (second.model, second.for_use("model")):
        assert all(torch.equal(saved[name], value) for name, value in network.state_dict().items())
    with pytest.raises(InputError, match="width = 16, here it is 32"):
        build(width=32).start_from(load_weights(tmp_path / "w"))


def walk(num_clips, num_frames, seed):
    """A stationary Gaussian process of one keypoint: white noise through two low-pass filters."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.tensor([[1.0, 0.6], [0.0, 0.8]])
    noise = torch.randn(num_clips, num_frames + 60, 2, generator=generator) @ mixing
    for _ in range(2):
        rows = [noise[:, 0]]
        for step in range(1, noise.shape[1]):
            rows.append(0.6 * rows[-1] + 0.4 * noise[:, step])
        noise = torch.stack(rows, dim=1)
    return 0.15 * noise[:, 60:] + torch.tensor([0.1, -0.05])


@functools.cache
def learned():
    """A flow that learned the process above for some seconds."""
    clips = [
        MotionClip(Motion(track[:, None]), 25.0, (64, 64), f"{i}", "", "toy")
        for i, track in enumerate(walk(256, 64, 0))
    ]
    config = FlowConfig().replace(
        num_epochs=1, epoch_size=200, batch_size=64, width=32, num_layers=2, hidden_dim=64, max_window=16,
        learning_rate=3e-3, warm_up=20, ema_decay=0.98,
    )  # fmt: skip
    recipe = FlowRecipe(config, clips, "cpu")
    run(recipe, 0, config.epoch_size)
    return recipe.for_use("model")


def complete(real, *places, seed=0):
    known = torch.zeros(real.shape[:2], dtype=torch.bool)
    known[:, list(places)] = True
    return learned().complete(real, known, 1, torch.Generator().manual_seed(seed))[0]


def distance(first, second):
    """How far two covariances (and means) of flattened motion are apart, over the size of the first."""
    first, second = first.flatten(1), second.flatten(1)
    gap = (first.T.cov() - second.T.cov()).norm() / first.T.cov().norm()
    return gap.item(), ((first.mean(0) - second.mean(0)).norm() / first.std(0).norm()).item()


def test_a_gaussian_process_is_matched_in_mean_and_covariance():
    """Covariances of two sets of 1000 real motions differ by 0.1 and 0.15; untrained, the first by 2.2."""
    real = walk(1000, 10, 1)
    made = complete(real, 0)
    covariance, mean = distance(real, made)
    assert covariance < 0.7 and mean < 0.15
    covariance, mean = distance(real.diff(dim=1), made.diff(dim=1))
    assert covariance < 0.4 and mean < 0.15


def test_between_keyframes_the_conditional_mean_and_spread_are_met():
    """For a Gaussian process both have a closed form, fitted here to many real windows."""
    real = walk(4000, 9, 2)
    ends, middle = real[:, [0, 8]].flatten(1), real[:, 4]
    ends, middle = ends - ends.mean(0), middle - middle.mean(0)
    weights = torch.linalg.lstsq(ends, middle).solution
    left = (middle - ends @ weights).square().mean()
    few = real[:1000]
    made = complete(few, 0, 8)[:, 4] - real[:, 4].mean(0)
    error = made - ends[:1000] @ weights
    bias = torch.linalg.lstsq(ends[:1000], error).solution
    assert (ends[:1000] @ bias).square().mean() < 0.15 * left
    assert 0.7 * left < error.square().mean() < 1.4 * left


def test_two_hundred_frames_have_no_jump_where_windows_meet_and_do_not_drift():
    real = walk(150, 200, 3)
    made = complete(real, 0)
    jump = made.diff(n=2, dim=1).square().mean(dim=(0, 2)).sqrt()  # (198,), of frames t to t + 2
    usual = real.diff(n=2, dim=1).square().mean().sqrt()
    seams = [t + side for t in range(16, 200, 12) for side in (-2, -1) if t + side < 198]
    assert jump[seams].max() < 1.3 * max(jump.median(), usual)
    late = made[:, 150:]
    assert 0.75 < (late.std() / real.std()).item() < 1.25
    assert (late.mean(dim=(0, 1)) - real.mean(dim=(0, 1))).abs().max() < 0.25 * real.std()


def test_two_hundred_frames_reach_their_keyframes_without_a_jump():
    real = walk(150, 200, 4)
    made = complete(real, 0, 17, 100, 199)
    assert torch.equal(made[:, [0, 17, 100, 199]], real[:, [0, 17, 100, 199]])
    jump = made.diff(n=2, dim=1).square().mean(dim=(0, 2)).sqrt()
    assert jump.max() < 1.6 * real.diff(n=2, dim=1).square().mean().sqrt()
