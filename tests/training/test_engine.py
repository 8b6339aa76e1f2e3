"""Facts about the training loop, on a recipe of one parameter."""

import threading

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.training import cadence as cadence_module
from fommvg_lib.training.clock import PARTS
from fommvg_lib.training.engine import EngineConfig, default_device
from fommvg_lib.training.log import read_log
from fommvg_lib.training.state import stored_states
from tests.training.small_runs import LineConfig, LineRecipe, quiet_fit

EVERY = EngineConfig(log_every=5, validate_every=10, pictures_every=20, checkpoint_every=10)


def test_loss_falls_and_the_run_folder_is_complete(tmp_path):
    result = quiet_fit(LineRecipe(LineConfig(num_steps=120)), tmp_path / "run", EVERY)
    log = read_log(tmp_path / "run" / "losses.csv")
    assert result.is_complete and log["step"] == list(range(5, 121, 5))
    assert log["fit"][-1] < 0.1 * log["fit"][0]
    assert read_log(tmp_path / "run" / "validation.csv")["step"] == list(range(10, 121, 10))
    assert len(list((tmp_path / "run" / "pictures").glob("*.png"))) == 6
    weights = load_weights(tmp_path / "run", "line")
    assert weights.info["step"] == 120 and weights.sha256 == result.sha256
    assert [path.name for path in stored_states(tmp_path / "run")] == ["00000110", "00000120"]


def test_filled_folder_is_refused_without_resume(tmp_path):
    quiet_fit(LineRecipe(LineConfig(num_steps=3)), tmp_path, EVERY)
    with pytest.raises(InputError, match="holds a run already; use --resume"):
        quiet_fit(LineRecipe(LineConfig(num_steps=3)), tmp_path, EVERY)


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
    quiet_fit(recipe, tmp_path, EVERY)
    assert (recipe.validated, recipe.saved) == (4, 4 + 4)  # the weights for use, and each time the best


def test_log_is_announced_after_each_row(tmp_path):
    seen = []
    quiet_fit(LineRecipe(LineConfig()), tmp_path, EVERY, on_log=lambda run: seen.append(last_row(run)))
    assert seen == list(range(5, 41, 5))


def last_row(run):
    return read_log(run / "losses.csv")["step"][-1]


class Clock:
    """Each look at it is half a minute later."""

    def __init__(self):
        self.looks = 0

    def monotonic(self):
        self.looks += 1
        return 30.0 * self.looks


def test_checkpoints_come_by_the_clock_too(tmp_path, monkeypatch):
    monkeypatch.setattr(cadence_module, "time", Clock())
    settings = EngineConfig(
        log_every=1000, validate_every=0, pictures_every=0, checkpoint_every=0, checkpoint_minutes=5,
        keep_states=100,
    )  # fmt: skip
    quiet_fit(LineRecipe(LineConfig(num_steps=40)), tmp_path, settings)
    assert [int(path.name) for path in stored_states(tmp_path)] == [11, 22, 33, 40]


def test_run_stops_after_its_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(cadence_module, "time", Clock())
    result = quiet_fit(LineRecipe(LineConfig(num_steps=40)), tmp_path, EngineConfig(stop_after=2.0))
    assert not result.is_complete and result.step == 5  # at 2.5 minutes, the first look beyond 2
    assert [int(path.name) for path in stored_states(tmp_path)] == [5]
    assert read_log(tmp_path / "losses.csv")["step"] == [5]


def test_run_in_another_thread_trains_without_listening_for_signals(tmp_path):
    results = []
    recipe = LineRecipe(LineConfig(num_steps=4))
    thread = threading.Thread(target=lambda: results.append(quiet_fit(recipe, tmp_path, EVERY)))
    thread.start()
    thread.join()
    assert results[0].is_complete


def test_times_of_a_step_are_told_by_part_if_asked_for(tmp_path):
    recipe = LineRecipe(LineConfig(num_steps=10))
    assert quiet_fit(recipe, tmp_path / "a", EVERY).times == {}
    settings = EngineConfig(time_steps=True)
    times = quiet_fit(LineRecipe(LineConfig(num_steps=10)), tmp_path / "b", settings).times
    assert tuple(times) == PARTS and all(value >= 0 for value in times.values()) and times["forward"] > 0


def test_device_that_is_not_there_is_refused():
    assert default_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="device 'abacus' is not available"):
        default_device("abacus")
