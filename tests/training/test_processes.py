"""Several processes train as one would: what they compute, what they write, how they stop.

They are started as a notebook starts them (`notebook_launcher`); `test_kills.py` has torchrun.
"""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fommvg_lib.share import WHOLE
from fommvg_lib.training.engine import EngineConfig
from fommvg_lib.training.log import read_log
from tests.training.small_runs import (
    LineConfig,
    LineRecipe,
    assert_close,
    assert_same,
    contents,
    outcome,
    quiet_fit,
    small_vp,
)

BATCH_NORM = LineConfig(num_steps=12, has_batch_norm=True)


def in_two(forks, function, folder, **job):
    """Do a function of this file in two processes; give the exit status of their launcher."""
    return forks.run(folder, call=f"{__name__}:{function.__name__}", processes=2, **job)


def rank():
    return int(os.environ["RANK"])


def keep_networks(recipe, folder):
    """Write what this process ended with beside the run folder."""
    tensors = {
        f"{name}/{key}": value.contiguous()
        for name, network in recipe.networks.items()
        for key, value in network.state_dict().items()
    }
    save_file(tensors, f"{folder}-{rank()}.safetensors")


def short_vp():
    """VP without moment matching: moments are of a whole batch."""
    return small_vp(num_epochs=1, weight_moments=0.0)


def read_networks(path):
    """Give the recipe of `short_vp` with networks that `keep_networks` wrote."""
    recipe, stored = short_vp(), load_file(path)
    for name, network in recipe.networks.items():
        network.load_state_dict({key: stored[f"{name}/{key}"] for key in network.state_dict()})
    return recipe


def train_vp(folder):
    recipe = short_vp()
    quiet_fit(recipe, folder, resume=True)
    keep_networks(recipe, folder)


def test_two_processes_compute_what_one_does(forks, tmp_path):
    alone = short_vp()
    quiet_fit(alone, tmp_path / "one")
    first, second = forks.operations(tmp_path / "two", call=f"{__name__}:train_vp", processes=2)
    assert first and not second, "only the first process writes"
    stored, equal = (load_file(tmp_path / f"two-{index}.safetensors") for index in (0, 1))
    assert all(torch.equal(value, equal[name]) for name, value in stored.items())
    assert_close(alone, read_networks(tmp_path / "two-0.safetensors"))
    ours, theirs = (read_log(tmp_path / name / "losses.csv") for name in ("one", "two"))
    for name in ours.keys() - {"seconds", "loss_moments"}:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-4), name


def test_run_in_two_processes_resumes_exactly_and_in_one_up_to_rounding(forks, tmp_path):
    assert in_two(forks, train_vp, tmp_path / "whole") == 0
    for operation in (60, 100):  # one kill each, in the first process
        assert in_two(forks, train_vp, tmp_path / "broken", fuse=operation) != 0
    assert "00000003" <= max(os.listdir(tmp_path / "broken" / "state")) < "00000008"
    shutil.copytree(tmp_path / "broken", tmp_path / "alone")
    assert in_two(forks, train_vp, tmp_path / "broken") == 0
    assert_same(contents(tmp_path / "broken"), contents(tmp_path / "whole"))
    alone = short_vp()
    assert quiet_fit(alone, tmp_path / "alone", resume=True).is_complete
    assert_close(alone, read_networks(tmp_path / "whole-0.safetensors"))


def train_batch_norm(folder):
    recipe = LineRecipe(BATCH_NORM)
    quiet_fit(recipe, folder)
    keep_networks(recipe, folder)


def test_statistics_of_batch_norms_and_logs_are_means_over_the_processes(forks, tmp_path):
    assert in_two(forks, train_batch_norm, tmp_path / "run") == 0
    ours, theirs = (load_file(f"{tmp_path}/run-{index}.safetensors") for index in (0, 1))
    assert ours["net/0.running_mean"].item() != 0 and all(torch.equal(ours[n], theirs[n]) for n in ours)
    mean, variance = torch.zeros(1), torch.ones(1)
    batches = LineRecipe(BATCH_NORM).batches(0, WHOLE)
    sizes = []
    for _ in range(BATCH_NORM.num_steps):
        x = next(batches)["x"]
        halves = x.chunk(2)
        mean = 0.9 * mean + 0.1 * torch.stack([half.mean() for half in halves]).mean()
        variance = 0.9 * variance + 0.1 * torch.stack([half.var() for half in halves]).mean()
        sizes.append(x.square().mean().item())
    assert torch.allclose(ours["net/0.running_mean"], mean, atol=1e-6)
    assert torch.allclose(ours["net/0.running_var"], variance, atol=1e-6)
    assert read_log(tmp_path / "run" / "losses.csv")["size"] == pytest.approx(sizes, rel=1e-5)


def train_poisoned(folder):
    """Only the second process meets a bad value."""
    recipe = LineRecipe(
        LineConfig(), poison=lambda step, index: float("nan") if (step, index) == (4, 1) else 1.0
    )
    try:
        quiet_fit(recipe, folder, EngineConfig(checkpoint_every=2))
    except Exception as error:
        keep_networks(recipe, folder)
        Path(f"{folder}-{rank()}.json").write_text(json.dumps([type(error).__name__, str(error)]))


def test_all_processes_stop_at_a_value_that_is_no_number_in_one(forks, tmp_path):
    assert in_two(forks, train_poisoned, tmp_path / "run") == 0
    reference = LineRecipe(LineConfig(num_steps=4))
    quiet_fit(reference, tmp_path / "reference")
    for index in (0, 1):
        kind, message = json.loads(Path(f"{tmp_path}/run-{index}.json").read_text())
        assert kind == "NonFiniteError" and "fit became non-finite in step 5" in message
        kept = load_file(tmp_path / "run" / "non_finite" / f"00000005-{index}.safetensors")
        whole = next(LineRecipe(LineConfig()).batches(4, WHOLE))["x"]
        assert torch.equal(kept["x"], whole.chunk(2)[index])
        networks = load_file(f"{tmp_path}/run-{index}.safetensors")
        assert torch.allclose(networks["net/1.weight"], reference.net.weight, atol=1e-5)


def train_indivisible(folder):
    try:
        quiet_fit(LineRecipe(LineConfig(batch_size=9)), folder)
    except Exception as error:
        Path(f"{folder}-{rank()}.json").write_text(json.dumps([type(error).__name__, str(error)]))


def test_batch_that_the_processes_cannot_share_is_refused_by_all(forks, tmp_path):
    assert in_two(forks, train_indivisible, tmp_path / "run") == 0
    for index in (0, 1):
        kind, message = json.loads(Path(f"{tmp_path}/run-{index}.json").read_text())
        assert (kind, message) == (
            "InputError", "batch_size=9 cannot be divided among 2 processes with 1 parts each"
        )  # fmt: skip
    assert not (tmp_path / "run").exists()


def train_terminated(folder):
    """The second process alone is told to end."""
    recipe = LineRecipe(LineConfig(num_steps=12))
    losses = recipe._losses

    def tell(batch, step, share):
        if step == 4 and share.index == 1 and not (folder / "state").exists():
            os.kill(os.getpid(), signal.SIGTERM)
        return losses(batch, step, share)

    recipe._losses = tell
    result = quiet_fit(recipe, folder, EngineConfig(checkpoint_every=6), resume=True)
    Path(f"{folder}-{rank()}.json").write_text(json.dumps([result.step, result.is_complete]))


def test_all_processes_save_and_end_when_one_is_told_to(forks, tmp_path):
    for step, is_complete in ((5, False), (12, True)):
        assert in_two(forks, train_terminated, tmp_path / "run") == 0
        for index in (0, 1):
            told = json.loads(Path(f"{tmp_path}/run-{index}.json").read_text())
            assert told == [step, is_complete]
    whole = LineRecipe(LineConfig(num_steps=12))
    quiet_fit(whole, tmp_path / "whole")
    assert outcome(tmp_path / "run")["step"] == "00000012"
    assert load_file(tmp_path / "run" / "weights.safetensors")["weight"].item() == pytest.approx(
        whole.net.weight.item(), abs=1e-5
    )
