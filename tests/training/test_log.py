"""Facts about the logs of a run."""

import importlib.util
import math

import pytest
import torch

from fommvg_lib.training.engine import EngineConfig
from fommvg_lib.training.log import CsvLog, Means, TensorBoardLog, read_log
from tests.training.small_runs import OFTEN, LineConfig, LineRecipe, fit_until, quiet_fit


def test_row_holds_the_mean_over_the_steps_since_the_last_row():
    means = Means()
    for value in (1.0, 2.0, 6.0):
        means.add({"a": torch.tensor(value), **({"b": torch.tensor(5.0)} if value > 1 else {})})
    names, values = means.take()
    assert dict(zip(names, values.tolist(), strict=True)) == {"a": 3.0, "b": 5.0}
    assert means.take()[0] == []


def test_means_of_many_steps_do_not_lose_digits():
    means = Means()
    for _ in range(20000):
        means.add({"a": torch.tensor(0.1)})
    assert means.take()[1].item() == pytest.approx(0.1, rel=1e-7)


def test_new_columns_extend_the_file_and_leave_earlier_cells_empty(tmp_path):
    log = CsvLog(tmp_path / "a.csv", 0)
    log.write(1, 0.5, {"a": 1.0})
    log.write(2, 1.0, {"a": 2.0, "b": 3.0})
    log.write(3, 1.5, {"b": 4.0})
    columns = read_log(tmp_path / "a.csv")
    assert list(columns) == ["step", "seconds", "a", "b"] and columns["step"] == [1, 2, 3]
    assert math.isnan(columns["b"][0]) and columns["b"][1:] == [3, 4] and math.isnan(columns["a"][2])


@pytest.mark.parametrize(
    "torn", ["6,3.00,0.0", "6,3.0", "6", "\0\0\0\0\0\0", "6,3.00,0.05,0.1,9\n", "x,1,1,1\n"]
)
def test_torn_last_row_is_cut(tmp_path, torn):
    log = CsvLog(tmp_path / "a.csv", 0)
    log.write(2, 1.0, {"a": 0.5, "b": 1.0})
    log.write(4, 2.0, {"a": 0.25, "b": 1.0})
    whole = (tmp_path / "a.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(whole + torn.encode())
    again = CsvLog(tmp_path / "a.csv", 6)
    assert (tmp_path / "a.csv").read_bytes() == whole and again.seconds_before == 2.0
    again.write(6, 3.0, {"a": 0.125, "b": 1.0})
    assert read_log(tmp_path / "a.csv")["a"] == [0.5, 0.25, 0.125]


def test_last_number_that_was_torn_in_its_middle_is_not_taken_for_whole(tmp_path):
    log = CsvLog(tmp_path / "a.csv", 0)
    log.write(2, 1.0, {"a": 0.512345})
    log.write(4, 2.0, {"a": 0.123456})
    whole = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(whole[:-4])
    CsvLog(tmp_path / "a.csv", 4)
    assert read_log(tmp_path / "a.csv")["a"] == [0.512345]


def test_rows_after_the_checkpoint_are_cut_and_a_log_without_rows_begins_anew(tmp_path):
    log = CsvLog(tmp_path / "a.csv", 0)
    for step in (2, 4, 6):
        log.write(step, step / 2, {"a": step})
    assert CsvLog(tmp_path / "a.csv", 5).seconds_before == 2.0
    assert read_log(tmp_path / "a.csv")["step"] == [2, 4]
    again = CsvLog(tmp_path / "a.csv", 1)
    again.write(1, 0.1, {"other": 1.0})
    assert list(read_log(tmp_path / "a.csv")) == ["step", "seconds", "other"]


def test_log_of_a_resumed_run_counts_all_its_time(tmp_path):
    fit_until(9, LineRecipe(LineConfig(num_steps=12)), tmp_path)
    path = tmp_path / "losses.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(_at(line, 1000.0) for line in lines[1:])]) + "\n")
    result = quiet_fit(LineRecipe(LineConfig(num_steps=12)), tmp_path, resume=True)
    seconds = read_log(path)["seconds"]
    assert seconds[5] == 1000.0 and min(seconds[6:]) >= 1000.0 and result.seconds >= 1000.0


def _at(line, seconds):
    step, _, rest = line.split(",", 2)
    return f"{step},{seconds},{rest}"


def test_gradient_norms_and_the_rate_are_logged(tmp_path):
    quiet_fit(LineRecipe(LineConfig(num_steps=8, fall_after=4)), tmp_path, OFTEN)
    log = read_log(tmp_path / "gradients.csv")
    assert log["rate_factor"] == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert log["net"][0] > log["net"][-1] > 0
    assert "grad_norm_net" not in read_log(tmp_path / "losses.csv")


def test_last_step_is_logged_whatever_the_interval(tmp_path):
    quiet_fit(LineRecipe(LineConfig(num_steps=7)), tmp_path, EngineConfig(log_every=5))
    assert read_log(tmp_path / "losses.csv")["step"] == [5, 7]


def test_nothing_is_written_for_tensorboard_where_it_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    log = TensorBoardLog(tmp_path / "events", 0)
    log.write("losses", 1, {"a": 1.0})
    log.close()
    assert not (tmp_path / "events").exists()


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_shows_the_same_numbers_once(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit_until(9, LineRecipe(LineConfig(num_steps=12)), tmp_path)
    quiet_fit(LineRecipe(LineConfig(num_steps=12)), tmp_path, resume=True)
    events = EventAccumulator(str(tmp_path / "events")).Reload().Scalars("losses/fit")
    log = read_log(tmp_path / "losses.csv")
    assert [event.step for event in events] == log["step"]
    assert [event.value for event in events] == pytest.approx(log["fit"], rel=1e-5)
