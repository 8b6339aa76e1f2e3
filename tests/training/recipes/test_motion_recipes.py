"""Facts about training VP and FI, on made-up motion and tiny networks."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig
from fommvg_lib.files import InputError
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.frame_interpolation import FrameInterpolationRecipe
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from fommvg_lib.training.update import Updater
from tests.motion_cases import wandering_clips

SMALL = {
    "num_epochs": 2, "epoch_size": 4, "batch_size": 8, "hidden_dim": 12, "noise_dim": 6, "num_components": 6,
    "critic_width": 8, "min_window": 8, "max_window": 24, "max_seq_len": 10, "d_update_epoch": 1,
}  # fmt: skip
RECIPES = {
    "vp": (VideoPredictionRecipe, VideoPredictionConfig),
    "fi": (FrameInterpolationRecipe, FrameInterpolationConfig),
}
each_form = pytest.mark.parametrize("kind,form", [(k, f) for k in RECIPES for f in ("default", "legacy")])
CHOICES = [
    *((kind, "default", change) for kind in RECIPES for change in (
        {"start": "random"}, {"critic_condition": "none"}, {"critic_steps": "curriculum"},
        {"is_scaled": False},
        {"moments": "legacy"}, {"weight_score": 1.0},
        {"noise_memory": (0.0, 4.0)},
    )),
    *((kind, "legacy", change) for kind in RECIPES for change in ({"start": "own"}, {"critic_steps": "all"})),
    *(("vp", form, {"critic_span": 3, "critic_condition": condition})
      for form in ("default", "legacy") for condition in ("start", "none")),
    ("vp", "legacy", {"moments": "fixed"}),
    ("vp", "default", {"critic_span": 3, "critic_steps": "curriculum", "start": "random"}),
]  # fmt: skip
each_choice = pytest.mark.parametrize("kind,form,change", CHOICES)


def build(kind, form="default", has_jacobian=True, num_clips=9, **changes):
    recipe, config = RECIPES[kind]
    clips = wandering_clips(num_clips, has_jacobian=has_jacobian)
    return recipe(config(form=form).replace(**{**SMALL, **changes}), clips, "cpu")


def run(recipe, start, stop):
    batches, update = recipe.batches(start, Share()), Updater(recipe, Processes(recipe.device))
    return [update(next(batches), step) for step in range(start, stop)]


def weights(recipe):
    return {
        f"{name}.{key}": t.clone() for name, n in recipe.networks.items() for key, t in n.state_dict().items()
    }


@each_form
@pytest.mark.parametrize("has_jacobian", [True, False])
def test_every_trained_part_learns_and_all_terms_are_finite(kind, form, has_jacobian):
    recipe = build(kind, form, has_jacobian)
    before = weights(recipe)
    terms = run(recipe, 0, 3)
    assert all(value.isfinite() and not value.requires_grad for row in terms for value in row.values())
    after = weights(recipe)
    trained = {f"{name}.{key}" for name, n in recipe.networks.items() for key, _ in n.named_parameters()}
    moved = {name for name in trained if not torch.equal(before[name], after[name])}
    assert moved == trained


@each_form
def test_a_run_resumed_from_its_state_equals_an_unbroken_one(kind, form):
    whole = build(kind, form)
    unbroken = run(whole, 0, 6)
    first, second = build(kind, form), build(kind, form)
    run(first, 0, 3)
    for name, network in second.networks.items():
        network.load_state_dict(first.networks[name].state_dict())
    for name, optimizer in second.optimizers.items():
        optimizer.load_state_dict(first.optimizers[name].state_dict())
    torch.manual_seed(123)  # global randomness plays no part
    resumed = run(second, 3, 6)
    assert resumed == unbroken[3:]
    assert all(
        torch.equal(a, b) for a, b in zip(weights(whole).values(), weights(second).values(), strict=True)
    )


@each_form
def test_validation_and_pictures_leave_the_training_alone(kind, form):
    plain, watched = build(kind, form), build(kind, form)
    unwatched = run(plain, 0, 3)
    run(watched, 0, 1)
    figures, pictures = watched.validate(1), watched.pictures(1)
    assert all(isinstance(value, float) and value == value for value in figures.values())
    picture = next(iter(pictures.values()))
    assert picture.dtype.name == "uint8" and picture.shape[-1] == 3
    assert run(watched, 1, 3) == unwatched[1:]


@each_form
def test_gradients_of_both_are_brought_down_to_the_limit(kind, form):
    recipe = build(kind, form, clip_norm=1e-3)
    for phase in recipe.phases(0):
        (name,) = phase.optimizers
        parameters = [p for group in recipe.optimizers[name].param_groups for p in group["params"]]
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        phase.before()
        norms = torch.stack([parameter.grad.norm() for parameter in parameters])
        torch.testing.assert_close(norms.norm().item(), 1e-3, rtol=1e-2, atol=0)


@each_form
def test_saved_weights_load_and_say_what_they_learned_from(kind, form, tmp_path):
    recipe = build(kind, form)
    run(recipe, 0, 2)
    recipe.save(tmp_path / "w", {"step": 2})
    model = load_motion_generator(tmp_path / "w", num_dims=24, num_kp=4)
    assert (model.kind, model.form, model.fps, model.frame_generator_hash) == (kind, form, 25.0, "frames")
    trained = recipe.for_use("model")
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), trained.state_dict().values(), strict=True)
    )


@each_choice
def test_with_any_choice_every_part_learns_and_resuming_is_exact(kind, form, change):
    whole, first, second = (build(kind, form, **change) for _ in range(3))
    before = weights(whole)
    unbroken = run(whole, 0, 4)
    moved = [name for name, value in weights(whole).items() if not torch.equal(before[name], value)]
    trained = {f"{name}.{key}" for name, n in whole.networks.items() for key, _ in n.named_parameters()}
    assert set(moved) == trained
    run(first, 0, 2)
    for mine, theirs in ((second.networks, first.networks), (second.optimizers, first.optimizers)):
        for name, part in mine.items():
            part.load_state_dict(theirs[name].state_dict())
    torch.manual_seed(123)  # global randomness plays no part
    assert run(second, 2, 4) == unbroken[2:]


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize("form", ["default", "legacy"])
def test_own_start_is_the_windows_own_frames(kind, form):
    own = next(build(kind, form, start="own").batches(0, Share()))
    ends = [0, -1] if kind == "fi" else [0]
    assert "frames" not in own or torch.equal(own["frames"], own["windows"][:, ends])
    drawn = next(build(kind, form, start="random").batches(0, Share()))
    assert not torch.equal(drawn["frames"], drawn["windows"][:, ends])
    assert torch.equal(drawn["windows"], own["windows"])  # the same real motion either way


@pytest.mark.parametrize("form", ["default", "legacy"])
def test_conditional_realism_tells_the_same_motion_of_other_starts_apart(form):
    recipe = build("vp", form, critic_span=4, critic_condition="start")
    critic, real = recipe.networks["critic"], next(recipe.batches(0, Share()))["windows"]
    differences = recipe.view.scale(real.diff(dim=1)) if form == "legacy" else None
    if form == "default":
        condition, path = recipe._real_path(real)
        differences = recipe.view(path)
    else:
        condition = recipe.space.condition(recipe.space.represent(real[:, :1], real[:, 0])[:, 0])
    scores = critic(differences, condition)
    assert scores.shape == (8, differences.shape[1] - 3)  # a score for every run of four
    assert not torch.allclose(scores, critic(differences, condition.flip(0)))
    blind = build("vp", form, critic_span=4, critic_condition="none").networks["critic"]
    assert torch.equal(blind(differences, condition), blind(differences, condition.flip(0)))


def test_a_span_scores_each_run_by_its_own_differences_alone():
    critic = build("vp", critic_span=3).networks["critic"]
    differences, condition = torch.randn(2, 10, 6), torch.randn(2, 24)
    scores = critic(differences, condition)
    alone = torch.cat([critic(differences[:, t : t + 3], condition) for t in range(8)], dim=1)
    assert torch.allclose(scores, alone, atol=1e-6)
    changed = differences.clone()
    changed[:, 5] += 1
    moved = (critic(changed, condition) - scores).abs().sum(dim=0) > 1e-6
    assert moved.nonzero().flatten().tolist() == [3, 4, 5]


def test_curriculum_shows_the_critic_one_score_more_each_epoch():
    for span in (None, 3):
        recipe = build("vp", critic_steps="curriculum", critic_span=span, d_update_epoch=1, epoch_size=4)
        path = torch.randn(2, 20, 6)
        critic, known = recipe.networks["critic"], torch.randn(2, 24)
        shown = [recipe._scored(path, step).shape[1] for step in (0, 3, 4, 8)]
        assert shown == [count + (span or 1) - 1 for count in (1, 1, 2, 3)]
        assert critic(recipe._scored(path, 0), known).shape == (2, 1)


@pytest.mark.parametrize("kind", RECIPES)
def test_noise_memory_travels_with_the_weights(kind, tmp_path):
    recipe = build(kind, noise_memory=(0.0, 4.0))
    recipe.save(tmp_path / "w", {})
    model, windows = (
        load_motion_generator(tmp_path / "w", num_dims=24, num_kp=4),
        recipe.train.every_window(9),
    )
    known = torch.zeros(windows.shape[:2], dtype=torch.bool)
    known[:, [0, -1] if kind == "fi" else [0]] = True
    drawn = [
        m.complete(windows, known, 1, torch.Generator().manual_seed(0)) for m in (model, recipe.model.eval())
    ]
    assert torch.equal(*drawn) and list(model.network.memory.kept[:2]) == list(
        recipe.model.network.memory.kept[:2]
    )
    model.network.memory = torch.nn.Identity()
    assert not torch.equal(model.complete(windows, known, 1, torch.Generator().manual_seed(0)), drawn[0])


@pytest.mark.parametrize("kind", RECIPES)
def test_without_weight_there_is_no_critic_to_train(kind):
    recipe = build(kind, weight_critic=0.0, weight_score=1.0)
    before = weights(recipe)
    terms = run(recipe, 0, 2)
    moved = {name for name, value in weights(recipe).items() if not torch.equal(before[name], value)}
    assert moved and not any(name.startswith("critic") for name in moved)
    assert "loss_score" in terms[0] and not any("loss_D" in name or name == "loss_G" for name in terms[0])


def test_the_energy_score_alone_brings_vp_motion_nearer():
    changes = {"learning_rate_generator": 3e-3, "num_epochs": 10, "epoch_size": 8, "beta1": 0.5}
    recipe = build("vp", weight_critic=0.0, weight_moments=0.0, weight_score=1.0, **changes)
    terms = run(recipe, 0, 60)
    first, last = (sum(row["loss_score"] for row in rows) for rows in (terms[:10], terms[-10:]))
    assert last < 0.9 * first


def test_an_unscaled_space_keeps_its_units():
    scaling = build("vp", is_scaled=False).model.scaling
    assert (scaling.spread == 1).all() and (scaling.std == 1).all() and (scaling.mean == 0).all()
    assert not (build("vp").model.scaling.spread == 1).any()


@pytest.mark.parametrize("kind", RECIPES)
def test_default_windows_vary_in_length_within_bounds(kind):
    batches = build(kind, num_epochs=10).batches(0, Share())
    lengths = {next(batches)["windows"].shape[1] for _ in range(40)}
    assert min(lengths) >= 8 and max(lengths) <= 24 and len(lengths) > 5


@pytest.mark.parametrize("kind", RECIPES)
def test_legacy_batches_start_from_random_frames_of_the_same_clip(kind):
    recipe = build(kind, "legacy")
    batch = next(recipe.batches(0, Share()))
    num_ends = 2 if kind == "fi" else 1
    assert batch["windows"].shape == (8, 10, 24) and batch["frames"].shape == (8, num_ends, 24)
    rows = recipe.train.vectors
    found = [(rows == frame).all(dim=1).nonzero().item() // 40 for frame in batch["frames"][:, 0]]
    of_windows = [(rows == window[0]).all(dim=1).nonzero().item() // 40 for window in batch["windows"]]
    assert found == of_windows


def test_rates_are_constant_and_then_fall_to_zero():
    recipe = build("vp", num_epochs=10, epoch_size=10, constant_share=0.5, learning_rate=1e-3)
    factors = [recipe.learning_rate_factor(step) for step in (0, 50, 75, 99)]
    assert factors == pytest.approx([1, 1, 0.5, 0.02])


def test_moment_matching_brings_vp_motion_to_the_real_size():
    recipe = build(
        "vp", weight_moments=5.0, learning_rate_generator=3e-3, num_epochs=10, epoch_size=8, beta1=0.5
    )
    terms = run(recipe, 0, 50)
    first, last = (sum(row["loss_moments"] for row in rows) for rows in (terms[:10], terms[-10:]))
    assert last < 0.5 * first


def test_clips_shorter_than_the_legacy_length_are_refused():
    with pytest.raises(InputError, match="the longest has 40"):
        build("vp", "legacy", max_seq_len=64)
    with pytest.raises(InputError, match="the longest has 40"):
        next(build("fi", "legacy", max_seq_len=64).batches(0, Share()))


def test_clips_of_three_frames_are_refused():
    with pytest.raises(InputError, match="no clips of 4 frames"):
        VideoPredictionRecipe(VideoPredictionConfig(), wandering_clips(9, num_frames=3), "cpu")


def test_nothing_is_held_out_of_a_small_set():
    assert build("vp", num_clips=9).has_held_out and not build("vp", num_clips=3).has_held_out


@each_form
def test_warm_start_begins_with_the_weights_and_their_space(kind, form, tmp_path):
    first = build(kind, form)
    run(first, 0, 3)
    first.save(tmp_path / "w", {})
    second = build(kind, form, num_clips=12, seed=5)
    second.start_from(load_weights(tmp_path / "w"))
    saved = first.for_use("model").state_dict()
    assert all(
        torch.equal(saved[name], value) for name, value in second.networks["model"].state_dict().items()
    )
    terms = run(second, 0, 2)
    assert all(value.isfinite() for row in terms for value in row.values())


@pytest.mark.parametrize("kind", RECIPES)
def test_warm_start_from_other_sizes_names_the_difference(kind, tmp_path):
    build(kind).save(tmp_path / "w", {})
    with pytest.raises(InputError, match="hidden_dim = 12, here it is 16"):
        build(kind, hidden_dim=16).start_from(load_weights(tmp_path / "w"))


def test_warm_start_from_the_motion_of_another_frame_generator_is_refused(tmp_path):
    recipe = build("vp")
    recipe.model.frame_generator_hash = "elsewhere"
    recipe.averages["model"].frame_generator_hash = "elsewhere"
    recipe.save(tmp_path / "w", {})
    with pytest.raises(InputError, match="learned the motion of frame generator elsewhere"):
        build("vp").start_from(load_weights(tmp_path / "w"))


@pytest.mark.parametrize("change", [{}, {"critic_span": 3}, {"critic_condition": "none"}])
def test_vps_critic_scores_stretches_of_any_motion(change):
    recipe = build("vp", **change)
    windows = recipe.train.every_window(20)[:3]
    scores = recipe.score(windows)
    assert scores.shape[0] == 3 and scores.shape[1] > 1 and not scores.requires_grad
    torch.testing.assert_close(recipe.score(windows[1:2]), scores[1:2])
    assert not torch.allclose(recipe.score(windows[:, :1].expand_as(windows)), scores)


def test_the_published_critic_has_no_stretches_to_score():
    recipe = build("vp", "legacy")
    with pytest.raises(ValueError, match="default form"):
        recipe.score(recipe.train.every_window(20)[:1])
