"""Facts about the second copy of a run."""

import os
import shutil

import pytest

from fommvg_lib.files import InputError
from fommvg_lib.training import mirror as mirror_module
from fommvg_lib.training.mirror import Mirror
from fommvg_lib.training.state import stored_states
from tests.training.small_runs import (
    LineConfig,
    LineRecipe,
    assert_same,
    contents,
    fit_until,
    outcome,
    quiet_fit,
)


def line(num_steps=20, **changes):
    return LineRecipe(LineConfig(num_steps=num_steps, **changes))


def test_copy_is_complete_after_the_run(tmp_path):
    quiet_fit(line(), tmp_path / "run", mirror=tmp_path / "drive" / "copy")
    assert_same(contents(tmp_path / "drive" / "copy"), contents(tmp_path / "run"))


def test_lost_run_is_fetched_and_resumes_exactly(tmp_path):
    quiet_fit(line(), tmp_path / "whole")
    for stop in (5, 10, 17):
        fit_until(stop, line(), tmp_path / "run", resume=True, mirror=tmp_path / "copy")
        shutil.rmtree(tmp_path / "run")
    result = quiet_fit(line(), tmp_path / "run", resume=True, mirror=tmp_path / "copy")
    assert result.is_complete
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "whole"))
    assert_same(contents(tmp_path / "copy"), contents(tmp_path / "whole"))


def test_run_that_is_further_than_its_copy_stays(tmp_path):
    fit_until(5, line(), tmp_path / "run", mirror=tmp_path / "copy")
    fit_until(14, line(), tmp_path / "run", resume=True)
    newest = stored_states(tmp_path / "run")[-1].name
    mirror = Mirror(tmp_path / "run", tmp_path / "copy")
    before = contents(tmp_path / "run")
    mirror.fetch()
    assert stored_states(tmp_path / "copy")[-1].name < newest
    assert_same(contents(tmp_path / "run"), before)


def test_old_checkpoints_are_dropped_from_the_copy_too(tmp_path):
    fit_until(8, line(), tmp_path / "run", mirror=tmp_path / "copy")
    earlier = {path.name for path in stored_states(tmp_path / "copy")}
    quiet_fit(line(), tmp_path / "run", resume=True, mirror=tmp_path / "copy")
    now = {path.name for path in stored_states(tmp_path / "copy")}
    assert now == {path.name for path in stored_states(tmp_path / "run")} and not earlier & now


def test_weights_that_changed_within_a_second_are_copied_anew(tmp_path):
    run, copy = tmp_path / "run", tmp_path / "copy"
    run.mkdir()
    for text in ("one", "two"):
        mirror = Mirror(run, copy)
        (run / "weights.safetensors").write_text(text)
        mirror.request()
        mirror.close()
        assert (copy / "weights.safetensors").read_text() == text


def test_mirror_that_cannot_be_written_does_not_stop_the_training_and_says_so_once(
    tmp_path, capsys, monkeypatch
):
    def is_full(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(mirror_module.shutil, "copyfile", is_full)
    monkeypatch.setattr(mirror_module.shutil, "copy2", is_full)
    monkeypatch.setattr(Mirror, "request", Mirror.copy_now)  # at each checkpoint, none left out
    result = quiet_fit(line(), tmp_path / "run", mirror=tmp_path / "copy")
    assert result.is_complete and stored_states(tmp_path / "run")
    said = f"mirror {tmp_path / 'copy'}: not up to date (No space left on device); training goes on"
    assert capsys.readouterr().err.splitlines() == [said]


def test_drive_that_goes_away_and_comes_back_is_caught_up_with(tmp_path, capsys):
    run, copy = tmp_path / "run", tmp_path / "copy"
    fit_until(5, line(), run)
    mirror = Mirror(run, copy)
    copy.rmdir()
    copy.write_text("no folder")
    mirror.request()
    mirror.close()
    assert "not up to date" in capsys.readouterr().err
    copy.unlink()
    quiet_fit(line(), run, resume=True, mirror=copy)
    assert_same(contents(copy), contents(run))


def test_checkpoint_that_the_run_drops_while_it_is_copied_is_passed_over(tmp_path, capsys, monkeypatch):
    fit_until(9, line(), tmp_path / "run")
    old, new = stored_states(tmp_path / "run")
    copyfile = shutil.copyfile

    def drop_first(source, target, **options):
        if source.parent == old and old.exists():
            shutil.rmtree(old)
        return copyfile(source, target, **options)

    monkeypatch.setattr(mirror_module.shutil, "copyfile", drop_first)
    mirror = Mirror(tmp_path / "run", tmp_path / "copy")
    mirror.request()
    mirror.close()
    assert [path.name for path in stored_states(tmp_path / "copy")] == [new.name]
    assert capsys.readouterr().err == ""


def test_what_a_killed_copy_left_is_removed(tmp_path):
    fit_until(5, line(), tmp_path / "run")
    for name in (".00000003.partial-x", ".weights.partial-y"):
        path = tmp_path / "copy" / ("state" if name[1].isdigit() else ".") / name
        path.mkdir(parents=True)
    mirror = Mirror(tmp_path / "run", tmp_path / "copy")
    mirror.request()
    mirror.close()
    assert_same(contents(tmp_path / "copy"), contents(tmp_path / "run"))
    assert not list((tmp_path / "copy").rglob(".*"))


def test_copy_of_another_run_is_neither_fetched_nor_written_over(tmp_path):
    quiet_fit(line(lr=0.1), tmp_path / "other", mirror=tmp_path / "copy")
    fit_until(5, line(), tmp_path / "run")
    before = contents(tmp_path / "copy"), contents(tmp_path / "run")
    with pytest.raises(InputError, match="lr was 0.1, now 0.05"):
        quiet_fit(line(), tmp_path / "run", resume=True, mirror=tmp_path / "copy")
    with pytest.raises(InputError, match="copy: holds the copy of a run already"):
        quiet_fit(line(), tmp_path / "new", mirror=tmp_path / "copy")
    assert_same(contents(tmp_path / "copy"), before[0])
    assert_same(contents(tmp_path / "run"), before[1])


@pytest.mark.parametrize("place", ["run", "run/copy"])
def test_mirror_within_the_run_is_refused(tmp_path, place):
    with pytest.raises(InputError, match="lies in the run folder"):
        quiet_fit(line(), tmp_path / "run", mirror=tmp_path / place)


def test_mirror_that_cannot_be_made_is_refused_before_the_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        quiet_fit(line(), tmp_path / "run", mirror=tmp_path / "file" / "copy")
    assert not (tmp_path / "run" / "losses.csv").exists()


def test_run_that_was_complete_before_is_copied_when_a_mirror_is_named(tmp_path):
    quiet_fit(line(), tmp_path / "run")
    quiet_fit(line(), tmp_path / "run", resume=True, mirror=tmp_path / "copy")
    assert_same(outcome(tmp_path / "copy"), outcome(tmp_path / "run"))
    assert os.listdir(tmp_path / "copy") != []
