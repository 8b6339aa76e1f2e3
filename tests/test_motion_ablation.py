"""The ablation of `results/motion_ablation`: what it changes, trains, resumes and refuses."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from fommvg_lib.motion_files import save_motion
from tests.motion_cases import wandering_clips

RESULTS = Path(__file__).resolve().parents[1] / "results"
TINY = {"batch_size": 4, "hidden_dim": 8, "noise_dim": 4, "critic_width": 8, "num_epochs": 2}


@pytest.fixture
def tools(monkeypatch):
    """The two modules, imported as the script itself does."""
    for name in ("motion_table", "motion_ablation"):
        monkeypatch.syspath_prepend(str(RESULTS / name))
    return importlib.import_module("variants"), importlib.import_module("make_ablation")


@pytest.fixture(scope="module")
def motion(tmp_path_factory) -> Path:
    """Motion files of ten people, five to learn from."""
    folder = tmp_path_factory.mktemp("motion")
    for index, clip in enumerate(wandering_clips(10, 64)):
        save_motion(folder / ("train", "test")[index % 2] / f"{clip.name}.safetensors", clip)
    return folder


def words_for(motion, tmp_path, *more):
    places = ["--motion", str(motion), "--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    return [*places, "--minutes", "0.002", *more]


def test_every_variant_differs_from_its_form_and_has_its_own_name(tools):
    variants = tools[0].VARIANTS
    assert (
        len({v.name for v in variants}) == len({(v.kind, v.form, v.says) for v in variants}) == len(variants)
    )
    whole = {(v.kind, v.form): v.config(0) for v in variants if not v.changes}
    assert set(whole) == {(kind, form) for kind in ("vp", "fi") for form in ("default", "legacy")}
    for variant in variants:
        config = variant.config(0)
        assert config.form == variant.form and config.seed == 0
        assert (config == whole[variant.kind, variant.form]) == (not variant.changes), variant.name


def test_what_is_measured_is_tabulated_and_not_done_again(tools, motion, tmp_path, monkeypatch):
    variants, make_ablation = tools
    chosen = [variants.Variant("vp-default-tiny", "vp", "default", "tiny", TINY)]
    monkeypatch.setattr(make_ablation, "VARIANTS", chosen)
    words = words_for(motion, tmp_path)
    assert make_ablation.main(words) == 0
    record = tmp_path / "out" / "runs" / "vp-default-tiny-0.json"
    done, made = json.loads(record.read_text()), record.stat().st_mtime_ns
    assert done["steps"] > 0 and done["config"]["hidden_dim"] == 8
    assert make_ablation.main(words) == 0 and record.stat().st_mtime_ns == made
    table = (tmp_path / "out" / "table.md").read_text()
    assert "|tiny|0|" in table and "|real clips|" in table
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    value = metrics["video_prediction"]["vp-default-tiny, seed 0"]["frechet_velocity"]
    assert value == done["figures"]["video_prediction"]["frechet_velocity"]


def test_mistakes_are_refused_in_one_line(tools, motion, tmp_path, monkeypatch, capsys):
    make_ablation = tools[1]
    monkeypatch.setattr(make_ablation, "VARIANTS", [])
    assert make_ablation.main(words_for(motion, tmp_path)) == 0
    for more in (("--minutes", "0"), ("--only", "nothing"), ("--max-windows", "7")):
        assert make_ablation.main(words_for(motion, tmp_path, *more)) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and message.startswith("make_ablation: ")
    assert "real-0.json: was made with other settings" in message
