"""Facts about one training step: phases, averages of weights, parts of a batch, values not finite."""

import pytest
import torch
from safetensors import safe_open
from torch import nn

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.engine import EngineConfig
from fommvg_lib.files import InputError
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipe import Losses, Phase, Recipe
from fommvg_lib.training.update import NonFiniteError, Updater
from tests.training.small_runs import (
    LineConfig,
    LineRecipe,
    assert_close,
    quiet_fit,
    small_ar,
    small_fi,
    small_fomm,
    small_vp,
    small_wgan,
)

EACH = {"line": LineRecipe, "vp": small_vp, "fi": small_fi, "wgan": small_wgan, "ar": small_ar}


class Duel(Recipe):
    """Networks of one weight: `a` learns through `b`, then `b` through what `a` made. Notes what happens."""

    kind = "duel"

    def __init__(self, average_decay=None):
        super().__init__(LineConfig(), "cpu", num_steps=10, batch_size=4)
        self.events = []
        for name in "ab":
            network = nn.Linear(1, 1, bias=False)
            nn.init.constant_(network.weight, 2.0)
            self.add_network(name, network, average_decay)
            self.add_optimizer(name, list(network.parameters()), 0.1, (0.9, 0.999))

    def phases(self, step):
        return [
            Phase(
                (name,), getattr(self, f"_{name}"), self._note(f"before {name}"), self._note(f"after {name}")
            )
            for name in "ab"
        ]

    def _note(self, event):
        def note():
            weights = {name: net.weight.item() for name, net in self.networks.items()}
            gradients = {name: net.weight.grad is not None for name, net in self.networks.items()}
            self.events.append((event, weights, gradients))

        return note

    def _a(self, batch, step, share):
        batch["made"] = self.networks["a"](batch["x"])
        loss = self.networks["b"](batch["made"]).square().mean()
        return Losses.of(loss, {"a": loss})

    def _b(self, batch, step, share):
        loss = (self.networks["b"](batch["made"].detach()) - 1).square().mean()
        return Losses.of(loss, {"b": loss})


def do_step(recipe, batch, step=0, num_parts=1):
    return Updater(recipe, Processes(recipe.device), num_parts)(batch, step)


def test_phases_move_their_own_networks_one_after_the_other():
    duel = Duel()
    do_step(duel, {"x": torch.ones(4, 1)})
    events = {event: (weights, gradients) for event, weights, gradients in duel.events}
    assert list(events) == ["before a", "after a", "before b", "after b"]
    start, moved = pytest.approx(2.0), pytest.approx(1.9)  # Adam's first step is the rate
    assert events["before a"] == ({"a": start, "b": start}, {"a": True, "b": False})
    assert events["after a"] == ({"a": moved, "b": start}, {"a": False, "b": False})
    assert events["before b"] == ({"a": moved, "b": start}, {"a": False, "b": True})
    assert events["after b"] == ({"a": moved, "b": moved}, {"a": False, "b": False})


def test_first_phases_loss_leaves_no_gradient_on_the_second_network():
    duel, x = Duel(), torch.tensor([[1.0], [2.0], [-1.0], [0.5]])
    terms = do_step(duel, {"x": x})
    assert terms["grad_norm_a"].item() == pytest.approx((2 * 2 * 2 * 2 * x.square()).mean().item())
    alone = 2 * (2 * 2 * x - 1) * 2 * x  # d/db (b a x - 1)^2, at a = b = 2: `made` came before `a` moved
    assert terms["grad_norm_b"].item() == pytest.approx(abs(alone.mean().item()))


def test_running_mean_follows_its_closed_form_and_starts_fast():
    duel, decay = Duel(average_decay=0.3), 0.3
    expected = 2.0
    for step in range(6):
        do_step(duel, {"x": torch.ones(4, 1)}, step)
        d = min(decay, (1 + step) / (10 + step))
        expected = d * expected + (1 - d) * duel.networks["a"].weight.item()
        assert duel.averages["a"].weight.item() == pytest.approx(expected, abs=1e-6)
    assert duel.for_use("a") is duel.averages["a"] and not duel.averages["a"].weight.requires_grad


def test_running_mean_has_the_networks_batch_statistics():
    recipe = LineRecipe(LineConfig(has_batch_norm=True))
    do_step(recipe, next(recipe.batches(0, Processes(recipe.device).share)))
    ours, average = recipe.networks["net"][0], recipe.averages["net"][0]
    assert ours.running_mean.abs().item() > 0 and torch.equal(ours.running_mean, average.running_mean)
    assert average.num_batches_tracked.item() == 1


@pytest.mark.parametrize("kind", EACH)
def test_batch_in_parts_moves_the_weights_as_the_whole_one(kind):
    """Motion generators without moment matching: moments are of a whole batch."""
    words = {"line": (LineConfig(),)}.get(kind, ())
    changes = {"weight_moments": 0.0} if kind in ("vp", "fi", "wgan") else {}

    def trained(num_parts):
        recipe = EACH[kind](*words, **changes)
        batches = recipe.batches(0, Processes(recipe.device).share)
        rows = [do_step(recipe, next(batches), step, num_parts) for step in range(6)]
        return rows, recipe

    rows, whole = trained(1)
    for num_parts in (2, 4):
        parts_rows, parts = trained(num_parts)
        assert_close(whole, parts)
        for ours, theirs in zip(rows, parts_rows, strict=True):
            assert ours.keys() == theirs.keys()
            for name in ours.keys() - {"loss_moments"}:
                assert ours[name].item() == pytest.approx(theirs[name].item(), rel=1e-4, abs=1e-4)


def test_parts_of_a_fomm_batch_see_their_own_share_of_the_random_transforms():
    recipe = small_fomm(2, batch_size=4)
    recipe.model.eval()
    batch = next(recipe.batches(0, Processes(recipe.device).share))
    share = Processes(recipe.device).share
    recipe.model.train = lambda mode=True: recipe.model  # batch statistics would tell the parts apart
    whole = recipe.phases(0)[0].losses(dict(batch), 0, share).terms
    halves = [
        recipe.phases(0)[0].losses(
            {name: values[2 * i : 2 * i + 2] for name, values in batch.items()}, 0, share.within(i, 2)
        ).terms
        for i in range(2)
    ]  # fmt: skip
    for name, value in whole.items():
        assert torch.stack([half[name] for half in halves]).mean().item() == pytest.approx(value.item(), 1e-4)


def test_batch_that_cannot_be_divided_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="batch_size=8 cannot be divided among 1 processes with 3 parts each"
    ):
        quiet_fit(LineRecipe(LineConfig()), tmp_path / "run", EngineConfig(num_parts=3))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_value_that_is_no_number_stops_before_it_reaches_a_weight(tmp_path, value):
    recipe = LineRecipe(LineConfig(), poison=lambda step, index: value if step == 14 else 1.0)
    with pytest.raises(NonFiniteError, match="fit became non-finite in step 15") as error:
        quiet_fit(recipe, tmp_path, EngineConfig(log_every=5, checkpoint_every=10))
    reference = LineRecipe(LineConfig(num_steps=14))
    quiet_fit(reference, tmp_path / "reference")
    assert torch.equal(recipe.net.weight, reference.net.weight)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["00000010"]
    assert load_weights(tmp_path).info["step"] == 10
    assert error.value.step == 15 and error.value.names == ["fit"]
    assert "the checkpoint after step 10 is whole" in str(error.value)


def test_batch_of_a_value_that_is_no_number_is_kept_with_the_terms(tmp_path):
    recipe = LineRecipe(LineConfig(), poison=lambda step, index: float("nan") if step == 3 else 1.0)
    with pytest.raises(NonFiniteError, match="there is no checkpoint yet") as error:
        quiet_fit(recipe, tmp_path, EngineConfig())
    path = tmp_path / "non_finite" / "00000004-0.safetensors"
    assert str(path) in str(error.value)
    batches = LineRecipe(LineConfig()).batches(3, Processes(recipe.device).share)
    with safe_open(path, "pt") as stored:
        assert torch.equal(stored.get_tensor("x"), next(batches)["x"])
        terms = stored.metadata()
    assert terms["fit"] == "nan" and float(terms["size"]) > 0


def test_run_goes_on_after_a_value_that_is_no_number(tmp_path):
    quiet_fit(LineRecipe(LineConfig()), tmp_path / "whole")
    with pytest.raises(NonFiniteError):
        quiet_fit(LineRecipe(LineConfig(), poison=lambda step, index: float("nan")), tmp_path / "broken")
    again = LineRecipe(LineConfig())
    quiet_fit(again, tmp_path / "broken", resume=True)
    assert again.net.weight.item() == load_weights(tmp_path / "whole").state["weight"].item()


def test_bad_gradient_of_a_good_loss_is_named(tmp_path):
    recipe = LineRecipe(LineConfig())
    x = torch.tensor([[1.0], [1.0]])

    def root_at_zero(batch, step, share):
        loss = (recipe.net(x) * 0).abs().sqrt().mean()  # value 0, gradient 0 / 0
        return Losses.of(loss, {"fit": loss})

    recipe.phases = lambda step: [Phase(("net",), root_at_zero)]
    with pytest.raises(NonFiniteError, match="grad_norm_net became non-finite in step 1"):
        do_step(recipe, {"x": x})
    assert recipe.net.weight.item() == 0
