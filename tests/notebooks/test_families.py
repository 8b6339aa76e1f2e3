"""Notebooks with other frame generators than the shipped FOMM: a small TPSMM, and a FOMM of one's own."""

from __future__ import annotations

import ast
import json
import math
import re
import shutil
from pathlib import Path

import pytest

from fommvg_lib.checkpoints import read_description
from fommvg_lib.config.course import CourseConfig
from fommvg_lib.course_data import make_clips
from fommvg_lib.motion_files import load_motion_set
from fommvg_lib.motion_npy import import_vectors_npy
from fommvg_lib.run_record import read_json, write_json

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def run_cells(name: str, out: Path, **parameters) -> dict:
    """Run a notebook's code cells in this process, parameters set after the tagged cell; give its names."""
    path = next(NOTEBOOKS.glob(f"{name}_*.ipynb"))
    values: dict = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            code = re.sub(r"^(\s*)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.MULTILINE)
            exec(compile(ast.parse(code), f"{path.name} {cell['id']}", "exec"), values)
            if "parameters" in cell["metadata"].get("tags", []):
                assert parameters.keys() <= values.keys()
                values |= {**parameters, "OUT": str(out)}
    return values


def finite(figures) -> bool:
    if isinstance(figures, dict):
        return all(map(finite, figures.values()))
    return not isinstance(figures, float) or math.isfinite(figures)


def check_record(out: Path, weights: Path) -> dict:
    """Check that the record names the weights that were used; give its figures."""
    manifest, figures = read_json(out / "manifest.json"), read_json(out / "metrics.json")
    assert manifest["weights_hash"] == read_description(weights)["sha256"]
    assert manifest["weights"].startswith("tpsmm weights: ") and weights.name in manifest["weights"]
    assert figures and finite(figures)
    return figures


def test_a_portrait_is_animated_by_a_tpsmm(tmp_path, tiny_tpsmm, capsys):
    values = run_cells("00", tmp_path / "00", WEIGHTS=str(tiny_tpsmm))
    check_record(tmp_path / "00", tiny_tpsmm)
    assert values["kp_source"].jacobian is None and "avd" in values["variants"]
    assert "left out: " in capsys.readouterr().out  # the shipped VP learned another model's motion


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> str:
    """A few short clips, with their truth."""
    folder = tmp_path_factory.mktemp("clips")
    made = make_clips(folder / "data", CourseConfig(num_train=2, num_test=2, num_frames=34, size=32))
    return str(made.path)


def test_the_inside_of_a_tpsmm_is_shown(tmp_path, tiny_tpsmm, clips):
    sizes = {"NUM_STEPS": 2, "BATCH_SIZE": 2}
    values = run_cells("02", tmp_path / "02", WEIGHTS=str(tiny_tpsmm), DATA=clips, **sizes)
    figures = check_record(tmp_path / "02", tiny_tpsmm)
    assert values["made"].mask.shape[1] == 1 + values["model"].num_kp // 5
    assert {picture.shape for picture in values["pictures"]} == {(256, 256, 3)}
    assert figures["reconstruction"]["num_frames"] > 0


def test_a_tpsmms_keypoints_are_extracted_drawn_and_exported(tmp_path, tiny_tpsmm, clips):
    run_cells("03", tmp_path / "03", WEIGHTS=str(tiny_tpsmm), DATA=clips)
    check_record(tmp_path / "03", tiny_tpsmm)
    first = load_motion_set(tmp_path / "03" / "motion" / "test")[0]
    assert first.motion.jacobian is None
    exported = import_vectors_npy(tmp_path / "03" / "published" / f"{first.name}.npy")
    assert exported.value.equal(first.motion.value)


@pytest.fixture
def own_fomm(tmp_path, tiny_weights) -> str:
    """A FOMM that notebook 02 has trained in profile shipped."""
    run = shutil.copytree(tiny_weights, tmp_path / "02_frame_generator" / "run")
    description = read_json(run / "config.json")
    write_json(run / "config.json", description | {"info": description["info"] | {"profile": "shipped"}})
    return description["sha256"]


def test_motion_weights_of_another_frame_generator_are_left_out(tmp_path, own_fomm, capsys):
    data = make_clips(tmp_path / "data", CourseConfig(num_train=2, num_test=4, num_frames=34, size=32)).path
    out, settings = tmp_path / "06_gan_baseline", {"NUM_EPOCHS": 1, "BATCH_SIZE": 2, "DATA": str(data)}
    values = run_cells("06", out, PROFILE="shipped", **settings)
    assert values["model"].weights_hash == own_fomm
    assert values["completers"].keys() == {"straight", "wgan"}  # the shipped ones know the shipped FOMM
    assert values["wgan"].frame_generator_hash == own_fomm
    said = capsys.readouterr().out
    assert "ar: left out, " in said and "fi: left out, " in said
    assert finite(read_json(out / "metrics.json"))


@pytest.mark.parametrize("name", ["00", "02", "03"])
def test_weights_are_chosen_by_one_function(name):
    text = next(NOTEBOOKS.glob(f"{name}_*.ipynb")).read_text(encoding="utf-8")
    assert "course_weights.frame_weights(PROFILE, WEIGHTS, " in text
    assert "WEIGHTS = None" in text
