"""The experiment runner of `results/motion_table`: what it trains, measures, resumes and refuses."""

from __future__ import annotations

import importlib
import json
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image

from fommvg_lib.config.motion import VideoPredictionConfig
from fommvg_lib.motion_files import save_motion
from fommvg_lib.packed_motion import PackedMotion
from tests.motion_cases import wandering_clips

UNTRAINED = ("real", "copy-first-frame", "linear")
FOLDER = Path(__file__).resolve().parents[1] / "results" / "motion_table"


@pytest.fixture
def tools(monkeypatch):
    """The two modules, imported as the script itself does."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("one_run"), importlib.import_module("make_table")


@pytest.fixture(scope="module")
def motion(tmp_path_factory) -> Path:
    """Motion files of ten people, five to learn from."""
    folder = tmp_path_factory.mktemp("motion")
    for index, clip in enumerate(wandering_clips(10, 64)):
        save_motion(folder / ("train", "test")[index % 2] / f"{clip.name}.safetensors", clip)
    return folder


def words_for(motion, tmp_path, *more):
    return [
        str(motion),
        "--out",
        str(tmp_path / "out"),
        "--runs",
        str(tmp_path / "runs"),
        "--draws",
        "5",
        *more,
    ]


def test_truth_and_reference_show_different_people_in_equal_numbers(tools):
    packed = PackedMotion.from_clips(wandering_clips(5, 64))
    truth, reference = tools[0].windows_of(packed, 20, 100)
    assert len(truth.windows) == len(reference.windows) == 6 and truth.windows.shape[1:] == (20, 24)
    assert not set(truth.identities) & set(reference.identities)
    assert torch.equal(reference.windows[1], packed.vectors[64 + 20 : 64 + 40])  # second window of clip 1
    assert [len(part.windows) for part in tools[0].windows_of(packed, 20, 4)] == [4, 4]
    with pytest.raises(Exception, match="too few people"):
        tools[0].windows_of(PackedMotion.from_clips(wandering_clips(1, 64)), 20, 4)


def test_legacy_means_published_settings(tools):
    config = tools[0].config_of("vp-legacy", 3)
    assert (config.form, config.batch_size, config.avd_share, config.seed) == ("legacy", 300, 0.0, 3)
    assert tools[0].config_of("fi", 1).form == "default"


def test_untrained_methods_are_measured_once_and_tabulated(tools, motion, tmp_path):
    one_run, make_table = tools
    words = words_for(
        motion, tmp_path, "--methods", "real", "copy-first-frame", "linear", "--seeds", "4", "5"
    )
    args = make_table.parse(words)
    for method in args.methods:
        one_run.run_one(method, 4, args)
    assert make_table.main(words) == 0  # finds all of them, so nothing is started
    table = (tmp_path / "out" / "table.md").read_text()
    assert table.count("copy-first-frame, seed 4") == 3 and table.count("linear, seed 4") == 1
    assert "seed 5" not in table and "blink" not in table
    with Image.open(tmp_path / "out" / "frame_interpolation.png") as picture:
        assert min(picture.size) > 100 and picture.getextrema() != ((255, 255),) * 3
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["frame_interpolation"]["real, seed 4"]["mean_error"] == 0
    record = json.loads((tmp_path / "out" / "runs" / "linear-4.json").read_text())
    figure = record["figures"]["frame_interpolation"]["mean_error"]
    assert figure["low"] <= figure["value"] <= figure["high"] and figure["n"] == 8
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["task"] == "motion_table"


def test_runs_of_other_settings_are_not_mixed(tools, motion, tmp_path, capsys):
    one_run, make_table = tools
    words = words_for(motion, tmp_path, "--methods", "real")
    one_run.run_one("real", 0, make_table.parse(words))
    assert make_table.main([*words, "--minutes", "7"]) == 2
    message = capsys.readouterr().err
    assert "real-0.json: was made with other settings" in message and message.count("\n") == 1


def test_training_ends_with_its_cpu_time_and_leaves_weights(tools, tmp_path, monkeypatch):
    one_run = tools[0]
    small = VideoPredictionConfig.from_profile(
        "smoke", batch_size=4, hidden_dim=8, noise_dim=4, critic_width=8
    )
    monkeypatch.setattr(one_run, "config_of", lambda method, seed: small.replace(seed=seed))
    packed = PackedMotion.from_clips(wandering_clips(8, 64))
    done = one_run.train("vp", one_run.config_of("vp", 2), packed, tmp_path / "run", minutes=0.005)
    assert 0 < done["steps"] <= done["planned_steps"] < 10**4 and done["config"]["seed"] == 2
    assert done["cpu_seconds"] > 0
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_a_run_that_others_end_records_nothing(tools, tmp_path, monkeypatch):
    one_run = tools[0]
    small = VideoPredictionConfig.from_profile(
        "smoke", batch_size=4, hidden_dim=8, noise_dim=4, critic_width=8
    )
    recipe = one_run.MOTION_RECIPES["vp"]

    class Ended(recipe):
        def draw_batch(self, step, generator):
            if step == 3:
                signal.raise_signal(signal.SIGTERM)
            return super().draw_batch(step, generator)

    monkeypatch.setitem(one_run.MOTION_RECIPES, "vp", Ended)
    packed = PackedMotion.from_clips(wandering_clips(8, 64))
    with pytest.raises(SystemExit, match="interrupted after [34] steps, nothing is recorded"):
        one_run.train("vp", small, packed, tmp_path / "run", minutes=5)


def test_what_is_no_method_or_no_motion_is_refused_in_one_line(tools, motion, tmp_path, capsys):
    one_run, make_table = tools
    for more in (("--methods", "magic"), ("--methods", "linear-legacy"), ("--minutes", "0")):
        assert make_table.main(words_for(motion, tmp_path, *more)) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert make_table.main([str(tmp_path / "nothing"), "--one", "real", "0"]) == 2
    assert "has no folder train" in capsys.readouterr().err
