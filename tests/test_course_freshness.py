"""A notebook runs again if, and only if, something that its figures depend on changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fommvg_lib import course, course_freshness
from fommvg_lib.course import run_course
from fommvg_lib.course_freshness import files_digest, fingerprint, reason_to_run
from fommvg_lib.course_run import CourseResult, _note_run
from fommvg_lib.run_record import read_json, write_json

PARAMETERS = 'PROFILE = "smoke"\nSEED = 0\nOUT = None\nDATA = None'


@dataclass(frozen=True)
class Checkout:
    """A repository of two notebooks, of which the second reads the first one's clips."""

    root: Path
    ran: list[str]

    @property
    def library(self) -> Path:
        return self.root / "fommvg_lib"

    def notebook(self, name: str) -> Path:
        return self.root / "notebooks" / f"{name}.ipynb"

    def folder(self, name: str) -> Path:
        return self.root / "results" / "course" / name

    def run(self, **options) -> list[str]:
        """Run the course; give the names of the notebooks that ran."""
        self.ran.clear()
        options = {"profile": "smoke", "tell": lambda line: None} | options
        run_course(out=self.root / "results" / "course", notebooks=self.root / "notebooks", **options)
        return list(self.ran)


def write_notebook(path: Path, code: str, parameters: str = PARAMETERS) -> None:
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters, "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": code, "outputs": []},
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 4}), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Run notebooks without a kernel: what counts here is which of them run."""
    made = Checkout(tmp_path, [])
    write_notebook(made.notebook("01_data_preparation"), "make()")
    write_notebook(made.notebook("02_next"), "clip_data(OUT)")
    write_notebook(made.notebook("03_apart"), "print(SEED)")
    (made.library / "weights" / "heads").mkdir(parents=True)
    (made.library / "motion.py").write_text("SIZE = 1\n", encoding="utf-8")
    (made.library / "weights" / "heads" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))

    def run_notebook(path: Path, folder: Path, parameters: dict) -> CourseResult:
        made.ran.append(path.stem)
        found = fingerprint(path, parameters, folder)
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        (folder / "clips" / "hello.mp4").write_bytes(b"video")
        shutil.copy(path, folder / "notebook.ipynb")
        note = {"notebook": path.stem, "profile": parameters["PROFILE"], "seconds": 0.1, "error": None}
        _note_run(folder, note | {"fingerprint": found})
        return CourseResult(path.stem, 0.1, None, folder / "notebook.ipynb")

    monkeypatch.setattr(course, "run_notebook", run_notebook)
    assert made.run() == ["01_data_preparation", "02_next", "03_apart"]
    return made


def test_a_second_run_does_nothing(checkout: Checkout):
    told: list[str] = []
    assert checkout.run(tell=told.append) == []
    assert "3 of 3 notebooks are up to date" in told[-2]


def test_fresh_runs_all(checkout: Checkout):
    assert len(checkout.run(fresh=True)) == 3


def test_a_notebook_that_reads_another_runs_after_it_again(checkout: Checkout):
    write_notebook(checkout.notebook("01_data_preparation"), "make(2)")
    told: list[str] = []
    assert checkout.run(tell=told.append) == ["01_data_preparation", "02_next"]
    assert "(changed: the notebook)" in told[0]
    assert "(changed: the run of 01_data_preparation)" in told[1]
    assert checkout.run() == []


def test_outputs_stored_in_a_notebook_change_nothing(checkout: Checkout):
    path = checkout.notebook("03_apart")
    content = read_json(path)
    content["cells"][1] |= {"outputs": [{"output_type": "stream", "text": "0"}], "execution_count": 1}
    write_json(path, content)
    assert checkout.run() == []


CHANGES: dict[str, Callable[[Checkout], object]] = {
    "the library's source": lambda c: (c.library / "motion.py").write_text("SIZE = 2\n"),
    "a file more in the library": lambda c: (c.library / "pca.py").write_text(""),
    "shipped weights": lambda c: (c.library / "weights" / "heads" / "config.json").write_text("{ }"),
    "weights of the user": lambda c: ((c.root / "cache").mkdir(), (c.root / "cache" / "new").write_text("")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_all_depend_on_makes_all_run_again(checkout: Checkout, change: str):
    CHANGES[change](checkout)
    assert len(checkout.run()) == 3


def test_a_version_makes_all_run_again(checkout: Checkout, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(course_freshness, "versions", lambda: {"torch": "9.9"})
    assert len(checkout.run()) == 3


def test_other_parameters_make_it_run_again_and_back(checkout: Checkout):
    assert len(checkout.run(parameters={"SEED": 1})) == 3
    assert checkout.run(parameters={"SEED": 1}) == []
    assert len(checkout.run()) == 3


def test_bytecode_changes_nothing(checkout: Checkout):
    (checkout.library / "__pycache__").mkdir()
    (checkout.library / "__pycache__" / "motion.pyc").write_bytes(b"x")
    assert checkout.run() == []


def test_data_of_a_parameter_counts_by_its_files(checkout: Checkout):
    clip = checkout.root / "mine" / "a.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"one")
    own = {"parameters": {"DATA": str(clip.parent)}}
    assert len(checkout.run(**own)) == 3
    assert checkout.run(**own) == []
    clip.write_bytes(b"two!")
    assert len(checkout.run(**own)) == 3


def test_files_that_a_notebook_itself_names_count_and_hang_from_the_repository(checkout: Checkout):
    table = checkout.root / "results" / "table" / "run" / "metrics.json"
    table.parent.mkdir(parents=True)
    table.write_text("{}", encoding="utf-8")
    write_notebook(checkout.notebook("03_apart"), "read()", f'{PARAMETERS}\nRUNS = "results/table"')
    assert checkout.run() == ["03_apart"]
    assert checkout.run() == []
    table.write_text('{"methods": {}}', encoding="utf-8")
    assert checkout.run() == ["03_apart"]
    own = checkout.root / "mine"
    own.mkdir()
    assert checkout.run(parameters={"RUNS": str(own)}) == ["03_apart"]
    table.write_text("{ }", encoding="utf-8")  # another folder is read now
    assert checkout.run(parameters={"RUNS": str(own)}) == []


@pytest.mark.parametrize("damage", ["missing", "changed", "more", "manifest", "other run", "failed"])
def test_a_run_folder_that_is_not_whole_runs_again(checkout: Checkout, damage: str):
    folder = checkout.folder("03_apart")
    clip, manifest = folder / "clips" / "hello.mp4", folder / "manifest.json"
    if damage == "missing":
        clip.unlink()
    elif damage == "changed":
        clip.write_bytes(b"vide0")
    elif damage == "more":
        (folder / "clips" / "strange.mp4").write_bytes(b"")
    elif damage == "manifest":
        manifest.write_text("{", encoding="utf-8")
    else:
        note = read_json(manifest)
        if damage == "failed":
            note["course"]["error"] = "In [3]: KeyError"
        else:
            del note["course"]
        write_json(manifest, note)
    told = []
    assert checkout.run(tell=told.append) == ["03_apart"]
    assert damage != "other run" or any("filled by hand" in line and "RUN_NAME" in line for line in told)
    assert checkout.run() == []


def test_folders_that_were_copied_elsewhere_stay_up_to_date(checkout: Checkout):
    moved = checkout.root / "elsewhere" / "03_apart"
    shutil.copytree(checkout.folder("03_apart"), moved)
    wanted = fingerprint(checkout.notebook("03_apart"), {"PROFILE": "smoke", "OUT": str(moved)}, moved)
    assert reason_to_run(moved, wanted) is None
    os.utime(moved / "notebook.ipynb")
    assert files_digest(moved) == files_digest(checkout.folder("03_apart"))


def test_weights_that_a_later_notebook_trained_count_above_smoke(checkout: Checkout):
    first, folder = checkout.notebook("01_data_preparation"), checkout.folder("01_data_preparation")
    write_notebook(first, 'run = out.parent / "03_apart" / "run"')
    found = {}
    for state in ("untrained", "trained"):
        found[state] = {
            profile: fingerprint(first, {"PROFILE": profile, "OUT": ""}, folder)["earlier"]
            for profile in ("smoke", "full")
        }
        (checkout.folder("03_apart") / "run").mkdir(exist_ok=True)
        (checkout.folder("03_apart") / "run" / "config.json").write_text("{}", encoding="utf-8")
    assert found["untrained"]["smoke"] == found["trained"]["smoke"] == {}
    assert found["untrained"]["full"] == {"03_apart": None} != found["trained"]["full"]


def test_side_by_side_a_notebook_waits_for_those_it_reads(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(course, "ProcessPoolExecutor", lambda jobs, mp_context: ThreadPoolExecutor(jobs))
    ran = checkout.run(fresh=True, jobs=3)
    assert sorted(ran) == ["01_data_preparation", "02_next", "03_apart"]
    assert ran.index("02_next") > ran.index("01_data_preparation")
    assert checkout.run(jobs=3) == []
