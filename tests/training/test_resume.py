"""A run that is broken off and resumed ends as if nothing had happened, bit for bit."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from fommvg_lib.files import InputError
from fommvg_lib.training.engine import EngineConfig
from tests.training.small_runs import (
    GAN,
    OFTEN,
    LineConfig,
    LineRecipe,
    assert_same,
    contents,
    fit_until,
    outcome,
    quiet_fit,
    rows,
    small_ar,
    small_fi,
    small_flow,
    small_fomm,
    small_vp,
    small_wgan,
)

MOTION_GENERATORS = small_vp, small_fi, small_wgan, small_ar


def scramble():
    """Leave the global random state as nobody expects it."""
    torch.manual_seed(np.random.SeedSequence().entropy % 2**63)
    np.random.seed(None)


def assert_resumes_exactly(tmp_path, build, stops):
    """Break a run off at each of `stops`, resume it, and compare all that both runs left.

    Args:
        tmp_path: for the two runs.
        build: gives the recipe of attempt 0 (unbroken), 1, 2, ...
        stops: steps at which attempts 1, 2, ... are broken off.
    """
    quiet_fit(build(0), tmp_path / "whole")
    for attempt, stop in enumerate(stops, 1):
        scramble()
        fit_until(stop, build(attempt), tmp_path / "broken", resume=attempt > 1)
    scramble()
    result = quiet_fit(build(len(stops) + 1), tmp_path / "broken", resume=True)
    assert result.is_complete
    assert_same(contents(tmp_path / "broken"), contents(tmp_path / "whole"))


@pytest.mark.parametrize("changes", [{}, GAN], ids=["plain", "gan and running mean"])
def test_fomm_resumes_exactly(tmp_path, changes):
    assert_resumes_exactly(tmp_path, lambda attempt: small_fomm(8, **changes), stops=[5])


def test_fomm_resumes_exactly_with_other_numbers_of_workers(tmp_path):
    workers = [0, 2, 2, 0]
    assert_resumes_exactly(tmp_path, lambda attempt: small_fomm(11, workers[attempt]), stops=[4, 8])


@pytest.mark.parametrize("build,form", [(b, f) for b in MOTION_GENERATORS for f in ("default", "legacy")])
def test_motion_generators_resume_exactly(tmp_path, build, form):
    assert_resumes_exactly(tmp_path, lambda attempt: build(form=form), stops=[7, 14])


def test_motion_flow_resumes_exactly(tmp_path):
    assert_resumes_exactly(tmp_path, lambda attempt: small_flow(), stops=[7, 14])


def test_moments_of_channels_last_weights_come_back_in_their_order(tmp_path):
    recipe, again = small_fomm(3), small_fomm(6)
    quiet_fit(recipe, tmp_path)
    quiet_fit(again, tmp_path, EngineConfig(stop_after=0.0), resume=True)
    assert outcome(tmp_path)["step"] == "00000004"
    for optimizer in again.optimizers.values():
        for parameter, state in optimizer.state.items():
            assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == parameter.stride()


def line(num_steps=20, **changes):
    return LineRecipe(LineConfig(num_steps=num_steps, **changes))


def test_run_that_was_broken_off_anywhere_and_often_ends_the_same(tmp_path):
    assert_resumes_exactly(tmp_path, lambda attempt: line(), stops=[1, 2, 4, 7, 9, 9, 12, 18, 20])


def test_number_of_steps_may_grow_where_no_rate_so_far_depends_on_it(tmp_path):
    quiet_fit(line(20, fall_after=10), tmp_path / "whole")
    fit_until(8, line(12, fall_after=10), tmp_path / "broken")
    quiet_fit(line(20, fall_after=10), tmp_path / "broken", resume=True)
    assert_same(outcome(tmp_path / "broken"), outcome(tmp_path / "whole"))


def test_number_of_steps_is_refused_where_rates_so_far_depend_on_it(tmp_path):
    fit_until(16, line(20, fall_after=10), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="num_steps was 20, now 30.*learning rates so far depend on the len"):
        quiet_fit(line(30, fall_after=10), tmp_path, resume=True)
    assert_same(contents(tmp_path), before)


@pytest.mark.parametrize(
    "longer,is_allowed", [({"num_epochs": 4}, True), ({"num_epochs": 4, "constant_share": 0.4}, False)]
)
def test_motion_generators_may_train_for_more_epochs_while_rates_are_constant(tmp_path, longer, is_allowed):
    fit_until(11, small_vp(), tmp_path)  # of 24, constant up to 12
    if is_allowed:
        assert quiet_fit(small_vp(**longer), tmp_path, resume=True).step == 32
        return
    with pytest.raises(InputError, match="constant_share was 0.5, now 0.4") as error:
        quiet_fit(small_vp(**longer), tmp_path, resume=True)
    assert "num_epochs" not in str(error.value)


def test_fomm_may_train_longer_until_it_passes_a_milestone(tmp_path):
    schedule = {"num_epochs": 100, "epoch_milestones": (60, 90)}
    fit_until(5, small_fomm(10, **schedule), tmp_path / "early")
    assert quiet_fit(small_fomm(12, **schedule), tmp_path / "early", resume=True).is_complete
    fit_until(10, small_fomm(10, **schedule), tmp_path / "late")
    with pytest.raises(InputError, match="num_steps was 10, now 12"):
        quiet_fit(small_fomm(12, **schedule), tmp_path / "late", resume=True)


def test_how_a_run_is_watched_may_change(tmp_path):
    quiet_fit(line(), tmp_path / "whole")
    fit_until(11, line(), tmp_path / "broken", replace(OFTEN, checkpoint_every=5))
    other = EngineConfig(
        log_every=4, validate_every=0, pictures_every=0, checkpoint_every=2, keep_states=3, time_steps=True,
        checkpoint_minutes=0, best_figure="step",
    )  # fmt: skip
    quiet_fit(line(), tmp_path / "broken", other, resume=True)
    assert_same(outcome(tmp_path / "broken"), outcome(tmp_path / "whole"))


def test_what_decides_the_outcome_is_refused_and_each_difference_is_named(tmp_path):
    quiet_fit(line(6), tmp_path)
    before = contents(tmp_path)
    other = LineRecipe(LineConfig(num_steps=6, lr=0.1, seed=3, batch_size=4), data="line from 0123")
    with pytest.raises(InputError) as error:
        quiet_fit(other, tmp_path, replace(OFTEN, num_parts=2), resume=True)
    for difference in (
        "lr was 0.05, now 0.1", "seed was 0, now 3", "batch_size was 8, now 4",
        "data was 'line', now 'line from 0123'", "num_parts was 1, now 2",
    ):  # fmt: skip
        assert difference in str(error.value)
    assert "\n" not in str(error.value) and "num_steps" not in str(error.value)
    assert_same(contents(tmp_path), before)


def test_another_kind_is_refused(tmp_path):
    quiet_fit(line(6), tmp_path)
    with pytest.raises(InputError, match="is a run of line, not of vp"):
        quiet_fit(small_vp(), tmp_path, resume=True)


@pytest.mark.parametrize("folder", ["absent", "empty", "broken off before its first checkpoint"])
def test_resume_starts_a_run_that_is_not_there(tmp_path, folder):
    if folder == "empty":
        (tmp_path / folder).mkdir()
    if folder.startswith("broken"):
        fit_until(2, line(), tmp_path / folder)
    quiet_fit(line(), tmp_path / folder, resume=True)
    quiet_fit(line(), tmp_path / "whole")
    assert_same(contents(tmp_path / folder), contents(tmp_path / "whole"))


def test_weights_without_a_checkpoint_are_not_written_over(tmp_path):
    line().save(tmp_path, {})
    before = contents(tmp_path)
    for resume in (False, True):
        with pytest.raises(InputError, match="holds weights but no checkpoint"):
            quiet_fit(line(), tmp_path, resume=resume)
    assert_same(contents(tmp_path), before)


def test_resuming_a_complete_run_changes_nothing(tmp_path):
    whole = quiet_fit(line(), tmp_path)
    before = contents(tmp_path)
    again = quiet_fit(line(), tmp_path, resume=True)
    assert (again.step, again.is_complete, again.validation) == (20, True, whole.validation)
    assert_same(contents(tmp_path), before)


def test_stopped_run_is_resumable_and_ends_the_same(tmp_path):
    quiet_fit(line(), tmp_path / "whole")
    for stop in range(1, 4):
        result = quiet_fit(line(), tmp_path / "broken", replace(OFTEN, stop_after=0.0), resume=True)
        assert (result.step, result.is_complete) == (stop, False)
    quiet_fit(line(), tmp_path / "broken", resume=True)
    assert_same(outcome(tmp_path / "broken"), outcome(tmp_path / "whole"))


def test_sigterm_saves_and_ends_and_is_given_back(tmp_path):
    def terminate(folder):
        if len(rows(folder / "losses.csv")) == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    quiet_fit(line(), tmp_path / "whole")
    result = quiet_fit(line(), tmp_path / "broken", on_log=terminate)
    assert signal.getsignal(signal.SIGTERM) is before
    assert 7 <= result.step <= 8 and not result.is_complete
    assert outcome(tmp_path / "broken")["step"] == f"{result.step:08d}"
    quiet_fit(line(), tmp_path / "broken", resume=True)
    assert_same(outcome(tmp_path / "broken"), outcome(tmp_path / "whole"))
