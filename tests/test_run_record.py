"""Run records: complete, finite, and silent about whose machine it was."""

from __future__ import annotations

import getpass
import json
import math
import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from fommvg_lib.config.base import Config
from fommvg_lib.files import InputError
from fommvg_lib.run_record import machine_kind, plain, read_json, versions, write_run_record


@dataclass(frozen=True)
class SmallConfig(Config):
    steps: int = 3
    sizes: tuple[int, ...] = (1, 2)


def test_a_record_holds_settings_figures_and_origin(tmp_path: Path):
    folder = tmp_path / "results" / "demo" / "first"
    figures = {"l1": np.float32(0.5), "per": {"a": torch.tensor([1.0, 2.0])}}
    manifest_path = write_run_record(folder, "demo", SmallConfig(), figures, 7, 61.234, {"profile": "smoke"})
    assert read_json(folder / "config.json") == {"steps": 3, "sizes": [1, 2]}
    assert read_json(folder / "metrics.json") == {"l1": 0.5, "per": {"a": [1.0, 2.0]}}
    manifest = read_json(manifest_path)
    assert (manifest["task"], manifest["run"], manifest["seed"]) == ("demo", "first", 7)
    assert manifest["seconds"] == 61.23 and manifest["profile"] == "smoke"
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["machine"]["cores"] >= 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_is_refused_by_name(tmp_path: Path, bad: float):
    with pytest.raises(ValueError, match="ours.l1"):
        write_run_record(tmp_path / "run", "demo", {}, {"ours": {"l1": bad}}, 0, 1.0)
    assert not (tmp_path / "run").exists()


def test_extra_entries_cannot_replace_the_origin(tmp_path: Path):
    with pytest.raises(ValueError, match="'machine'"):
        write_run_record(tmp_path / "run", "demo", {}, {}, 0, 1.0, {"machine": "another"})


def test_a_record_names_no_folder_person_or_host(tmp_path: Path):
    write_run_record(tmp_path / "run", "demo", {"data": tmp_path / "clips"}, {}, 0, 1.0, {"init": tmp_path})
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "run").iterdir())
    assert str(tmp_path.parent) not in text
    assert json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8")) == {"data": "clips"}
    assert set(machine_kind()) == {"cpu", "cores", "threads", "ram_gb", "gpu", "system"}
    assert socket.gethostname() not in machine_kind().values()
    assert getpass.getuser() not in machine_kind().values()


def test_versions_name_python_and_the_library():
    assert versions()["python"].startswith("3.")
    assert "fommvg" in versions()


def test_plain_values_stay_as_they_are():
    value = {"a": [1, 2.5, "text", None, True]}
    assert plain(value) == value


@pytest.mark.parametrize("text", ["", "no json", "[1, 2]"])
def test_broken_json_is_one_clear_error(tmp_path: Path, text: str):
    path = tmp_path / "metrics.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="metrics.json"):
        read_json(path)
