"""Facts about the training loop, on a recipe of one parameter."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from fommvg_lib.checkpoints import load_weights, save_weights
from fommvg_lib.config.base import Config
from fommvg_lib.files import InputError
from fommvg_lib.training.engine import EngineConfig, NonFiniteError, fit
from fommvg_lib.training.log import read_log
from fommvg_lib.training.recipe import Losses, Phase, Recipe


@dataclass(frozen=True)
class LineConfig(Config):
    num_steps: int = 40
    lr: float = 0.05
    seed: int = 0


class LineRecipe(Recipe):
    """Fits y = 3x by noisy samples drawn from (seed, step)."""

    kind = "line"
    best_figure = "error"

    def __init__(self, config, poison_at=None):
        super().__init__(config, "cpu", config.num_steps, batch_size=8)
        self.poison_at, self.net = poison_at, torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.net.weight)
        torch.nn.init.zeros_(self.net.bias)
        self.add_network("net", self.net, average_decay=0.9)
        self.add_optimizer("net", list(self.net.parameters()), config.lr, (0.9, 0.999))

    def batches(self, start_step, share):
        for step in itertools.count(start_step):
            generator = torch.Generator().manual_seed(self.config.seed * 1000 + step)
            yield {"x": share.of(torch.randn(8, 1, generator=generator))}

    def phases(self, step):
        return [Phase(("net",), self._losses)]

    def _losses(self, batch, step, share):
        loss = (self.net(batch["x"]) - 3 * batch["x"]).square().mean()
        if step == self.poison_at:
            loss = loss * float("nan")
        return Losses.of(loss, {"fit": loss})

    def validate(self, step):
        return {"error": abs(self.net.weight.item() - 3)}

    def pictures(self, step):
        return {"dot": np.zeros((4, 4, 3), np.uint8)}

    def save(self, folder, info):
        return save_weights(folder, "line", self.config.to_dict(), self.net.state_dict(), info)


QUIET = {"show_progress": False}
OFTEN = EngineConfig(log_every=5, validate_every=10, pictures_every=20, checkpoint_every=10)


def test_loss_falls_and_the_run_folder_is_complete(tmp_path):
    result = fit(LineRecipe(LineConfig(num_steps=120)), tmp_path / "run", OFTEN, **QUIET)
    log = read_log(tmp_path / "run" / "losses.csv")
    assert result.is_complete and log["step"] == list(range(5, 121, 5))
    assert log["fit"][-1] < 0.1 * log["fit"][0]
    assert read_log(tmp_path / "run" / "validation.csv")["step"] == list(range(10, 121, 10))
    assert len(list((tmp_path / "run" / "pictures").glob("*.png"))) == 6
    assert load_weights(tmp_path / "run", "line").info["step"] == 120
    assert len(list((tmp_path / "run" / "state").iterdir())) == OFTEN.keep_states


def test_resumed_run_equals_an_unbroken_one(tmp_path):
    whole = LineRecipe(LineConfig())
    fit(whole, tmp_path / "whole", OFTEN, **QUIET)
    broken = LineRecipe(LineConfig())
    broken.num_steps = 17  # as if it were stopped there
    fit(broken, tmp_path / "broken", OFTEN, **QUIET)
    again = LineRecipe(LineConfig())
    fit(again, tmp_path / "broken", OFTEN, resume=True, **QUIET)
    assert torch.equal(whole.net.weight, again.net.weight) and torch.equal(whole.net.bias, again.net.bias)


def test_resumed_log_has_each_step_once(tmp_path):
    first = LineRecipe(LineConfig())
    first.num_steps = 17
    fit(first, tmp_path, OFTEN, **QUIET)
    fit(LineRecipe(LineConfig()), tmp_path, OFTEN, resume=True, **QUIET)
    steps = read_log(tmp_path / "losses.csv")["step"]
    assert steps == sorted(set(steps)) and steps[-1] == 40


def test_filled_folder_is_refused_without_resume(tmp_path):
    fit(LineRecipe(LineConfig(num_steps=3)), tmp_path, OFTEN, **QUIET)
    with pytest.raises(InputError, match="--resume"):
        fit(LineRecipe(LineConfig(num_steps=3)), tmp_path, OFTEN, **QUIET)


def test_resume_with_another_config_names_the_difference(tmp_path):
    fit(LineRecipe(LineConfig(num_steps=3)), tmp_path, OFTEN, **QUIET)
    with pytest.raises(InputError, match="lr was 0.05, now 0.1"):
        fit(LineRecipe(LineConfig(num_steps=3, lr=0.1)), tmp_path, OFTEN, resume=True, **QUIET)


def test_non_finite_loss_stops_with_step_and_term_and_keeps_the_last_state(tmp_path):
    with pytest.raises(NonFiniteError, match="fit became non-finite in step 15"):
        fit(LineRecipe(LineConfig(), poison_at=14), tmp_path, OFTEN, **QUIET)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["00000010"]
    assert torch.isfinite(load_weights(tmp_path).state["weight"]).all()


def test_stop_after_saves_and_ends(tmp_path):
    settings = EngineConfig(stop_after=0.0)
    result = fit(LineRecipe(LineConfig()), tmp_path, settings, **QUIET)
    assert not result.is_complete and result.step == 1
    again = fit(LineRecipe(LineConfig()), tmp_path, OFTEN, resume=True, **QUIET)
    assert again.is_complete


def test_nothing_is_validated_or_saved_twice(tmp_path):
    class Counting(LineRecipe):
        validated, saved = 0, 0

        def validate(self, step):
            self.validated += 1
            return super().validate(step)

        def save(self, folder, info):
            self.saved += 1
            return super().save(folder, info)

    recipe = Counting(LineConfig(num_steps=40))
    fit(recipe, tmp_path, OFTEN, **QUIET)
    assert (recipe.validated, recipe.saved) == (4, 4 + 4)  # the weights for use, and each time the best
