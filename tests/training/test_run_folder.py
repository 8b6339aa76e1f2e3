"""Facts about what a run leaves on disk: whole checkpoints, whatever fails, and the best weights."""

import errno
import json
import os
import re
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fommvg_lib.__main__ import main
from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError, RunError
from fommvg_lib.motion_files import save_motion
from fommvg_lib.training import state as state_module
from fommvg_lib.training.state import restore_state, stored_states
from tests.full_disk import largest_file
from tests.motion_cases import wandering_clips
from tests.training.small_runs import (
    OFTEN,
    SMALL_MOTION,
    LineConfig,
    LineRecipe,
    assert_same,
    contents,
    fit_until,
    outcome,
    quiet_fit,
    small_vp,
)


def line(num_steps=12, **changes):
    return LineRecipe(LineConfig(num_steps=num_steps, **changes))


class Failing:
    """Lets a function fail from call `first` on, as a disk does that is full; counts the calls."""

    def __init__(self, function, first, error):
        self.function, self.first, self.error, self.calls = function, first, error, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls >= self.first:
            raise self.error
        return self.function(*args, **kwargs)


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_disk_that_fills_up_at_any_write_is_told_and_the_run_ends_the_same_later(tmp_path, monkeypatch):
    quiet_fit(line(), tmp_path / "whole")
    counter = Failing(os.fsync, 10**6, NO_SPACE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counter)
        quiet_fit(line(), tmp_path / "count")
    for first in range(1, counter.calls + 1, 3):
        folder = tmp_path / f"full at {first}"
        with monkeypatch.context() as patch, pytest.raises(RunError, match="No space left") as error:
            patch.setattr(os, "fsync", Failing(os.fsync, first, NO_SPACE))
            quiet_fit(line(), folder)
        assert "\n" not in str(error.value) and not list(folder.rglob(".*"))
        told = re.search(r"the checkpoint after step (\d+) is intact, --resume goes on", str(error.value))
        stored = [int(path.name) for path in stored_states(folder)]
        assert int(told[1]) in stored if told else "there is no checkpoint yet" in str(error.value)
        assert restore_state(folder, line(), {"num_parts": 1})[0].step == max(stored, default=0)
        quiet_fit(line(), folder, resume=True)
        assert_same(contents(folder), contents(tmp_path / "whole"))


@pytest.mark.parametrize("error", [NO_SPACE, SafetensorError("I/O error: No space left on device (28)")])
def test_checkpoint_that_cannot_be_saved_leaves_the_earlier_one_intact(tmp_path, monkeypatch, error):
    quiet_fit(line(), tmp_path / "whole")
    save_file = state_module.save_file

    def full_at_third(tensors, path):
        save_file(tensors, path)
        if path.parent.name.startswith(".00000009"):
            os.truncate(path, os.path.getsize(path) // 2)
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(state_module, "save_file", full_at_third)
        with pytest.raises(RunError, match="00000009: cannot be written .*after step 6 is intact"):
            quiet_fit(line(), tmp_path / "run")
    quiet_fit(line(), tmp_path / "run", resume=True)
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_command_on_a_disk_that_is_really_full_ends_with_one_line_and_status_1(tmp_path, capsys):
    for clip in wandering_clips(9):
        save_motion(tmp_path / "motion" / f"{clip.name}.safetensors", clip)

    def train(out):
        settings = {**SMALL_MOTION, "num_epochs": 1, "num_components": 6}
        words = ["train", "vp", "--data", str(tmp_path / "motion"), "--out", str(tmp_path / out), "--resume"]
        words += ["--save-every", "4", "--log-every", "1", "--device", "cpu"]
        return main([*words, *(f"{name}={value}" for name, value in settings.items())])

    assert train("whole") == 0
    capsys.readouterr()
    with largest_file(20_000):
        assert train("run") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("fommvg train: ") and "File too large" in said[0]
    assert "there is no checkpoint yet" in said[0]
    fit_one = outcome(tmp_path / "whole")
    assert train("run") == 0
    assert_same(outcome(tmp_path / "run"), fit_one)


def _truncate(path):
    os.truncate(path / "tensors.safetensors", 100)


def _flip(path):
    data = bytearray((path / "tensors.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "tensors.safetensors").write_bytes(data)


def _cut_description(path):
    os.truncate(path / "state.json", os.path.getsize(path / "state.json") // 2)


def _empty_description(path):
    os.truncate(path / "state.json", 0)


def _no_tensors(path):
    (path / "tensors.safetensors").unlink()


def _nothing(path):
    shutil.rmtree(path)
    path.mkdir()


DAMAGE = [_truncate, _flip, _cut_description, _empty_description, _no_tensors, _nothing]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_newest_checkpoint_is_passed_over_with_a_line(tmp_path, capsys, damage):
    quiet_fit(line(), tmp_path / "whole")
    fit_until(11, line(), tmp_path / "run")
    newest = stored_states(tmp_path / "run")[-1]
    damage(newest)
    quiet_fit(line(), tmp_path / "run", resume=True)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith(f"{newest}: damaged (") and said[0].endswith("passed over")
    shutil.rmtree(newest.with_name(f"damaged-{newest.name}"))
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_damaged_checkpoint_does_not_count_among_those_that_are_kept(tmp_path):
    settings = replace(OFTEN, keep_states=1, checkpoint_every=10, validate_every=0)
    fit_until(9, line(), tmp_path, replace(settings, keep_states=2, checkpoint_every=4))
    _truncate(stored_states(tmp_path)[-1])  # after step 8
    result = quiet_fit(line(), tmp_path, replace(settings, stop_after=0.0), resume=True)
    assert result.step == 5
    assert [path.name for path in stored_states(tmp_path)] == ["00000005"]
    assert restore_state(tmp_path, line(), {"num_parts": 1})[0].step == 5


def test_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path):
    fit_until(8, line(), tmp_path)
    for path in stored_states(tmp_path):
        _flip(path)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="none of its checkpoints can be read; first .*00000006: damaged"):
        quiet_fit(line(), tmp_path, resume=True)
    assert_same(contents(tmp_path), before)


def test_checkpoint_holds_no_random_state_and_nothing_pickled(tmp_path):
    quiet_fit(small_vp(num_epochs=1), tmp_path)
    newest = stored_states(tmp_path)[-1]
    assert sorted(path.name for path in newest.iterdir()) == ["state.json", "tensors.safetensors"]
    rest = json.loads((newest / "state.json").read_text())
    assert "rng" not in json.dumps(rest) and rest["step"] == 8 and rest["config"]["seed"] == 0
    parts = {name.split("/")[0] for name in load_file(newest / "tensors.safetensors")}
    assert parts == {"network", "average", "optimizer"}


class Judged(LineRecipe):
    """A line whose figures are given beforehand, by step."""

    figures = {2: 5.0, 4: 3.0, 6: 4.0, 8: 6.0, 10: 2.0, 12: 2.5}

    def validate(self, step):
        return {"error": self.figures.get(step, 9.0), "other": float(step)}


JUDGED = replace(OFTEN, validate_every=2, checkpoint_every=1, keep_states=1)


def judged(num_steps=12):
    return Judged(LineConfig(num_steps=num_steps))


@pytest.mark.parametrize("stop,best", [(9, 4), (11, 10)])
def test_best_weights_are_those_of_the_best_figure_and_their_checkpoint_stays(tmp_path, stop, best):
    fit_until(stop, judged(), tmp_path, JUDGED)
    weights = load_weights(tmp_path / "best")
    assert (weights.info["step"], weights.info["error"]) == (best, Judged.figures[best])
    assert [int(path.name) for path in stored_states(tmp_path)] == sorted({best, stop - 1})
    state = load_file(tmp_path / "state" / f"{best:08d}" / "tensors.safetensors")
    reference = judged(best)
    quiet_fit(reference, tmp_path / "reference")
    assert torch.equal(weights.state["weight"], reference.net.weight)
    assert torch.equal(weights.state["weight"], state["network/net/1.weight"])


def test_resumed_run_remembers_the_best(tmp_path):
    quiet_fit(judged(), tmp_path / "whole", JUDGED)
    fit_until(7, judged(), tmp_path / "run", JUDGED)
    quiet_fit(judged(), tmp_path / "run", JUDGED, resume=True)
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_figure_that_chooses_the_best_can_be_named(tmp_path):
    quiet_fit(judged(), tmp_path, replace(JUDGED, best_figure="other"))
    assert load_weights(tmp_path / "best").info["step"] == 2


def test_unknown_figure_is_refused_before_the_training(tmp_path):
    recipe = judged()
    with pytest.raises(InputError, match="best_figure 'eror' is none of error, other"):
        quiet_fit(recipe, tmp_path / "run", replace(JUDGED, best_figure="eror"))
    assert recipe.net.weight.item() == 0 and not list((tmp_path / "run").iterdir())


def test_figure_that_is_no_number_is_never_the_best(tmp_path):
    recipe = judged()
    recipe.figures = {2: float("nan"), 4: 1.0}
    quiet_fit(recipe, tmp_path, JUDGED)
    assert load_weights(tmp_path / "best").info["step"] == 4
