"""The course's frame generator: published weights in profile colab, a box and others where there are none."""

from __future__ import annotations

import json
import urllib.request

import pytest
import torch

from fommvg_lib.config import presets
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.course_weights import PUBLISHED, frame_weights, motion_weights
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.run_record import read_json, write_run_record
from fommvg_lib.weights import find_weights, registry
from fommvg_lib.weights.registry import find_entry
from tests.importing.published import tpsmm_file
from tests.test_course_data import write_description
from tests.tpsmm_cases import small_tpsmm
from tests.weights.server import serving

PAGE = "https://example.org/folder"


@pytest.fixture
def boxes(monkeypatch):
    """What is displayed."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda what: shown.append(what.data))
    return shown


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("http_proxy", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path, monkeypatch, cache, boxes):
    """A site that gives a small TPSMM file, and a registry that names it."""
    model = small_tpsmm()
    tpsmm_file(tmp_path / "vox.pth.tar", model)
    config = TpsmmConfig.from_profile("smoke").replace(size=model.size, model=model.config)
    monkeypatch.setitem(presets.TPSMM_PRESETS, "small-32", config)
    with serving() as running:
        running.files["/vox.pth.tar"] = (tmp_path / "vox.pth.tar").read_bytes()
        table = f"""
[{PUBLISHED}]
kind = "tpsmm"
what = "faces"
size = 32
licence = "MIT"
config = "small-32"
[{PUBLISHED}.file]
name = "vox.pth.tar"
page = "{PAGE}"
sources = ["{running.url("/none")}", "{running.url("/vox.pth.tar")}"]
"""
        (tmp_path / "registry.toml").write_text(table, encoding="utf-8")
        monkeypatch.setattr(registry, "TABLE", tmp_path / "registry.toml")
        yield running


def test_the_course_asks_for_a_frame_generator_that_the_registry_names():
    entry = find_entry(PUBLISHED)
    assert (entry.kind, entry.size, entry.file.name) == ("tpsmm", 256, "vox.pth.tar")


def test_profile_colab_takes_the_published_weights(site, cache, boxes):
    found = frame_weights("colab")
    assert found.path == cache / PUBLISHED and not boxes
    assert found.note == f"tpsmm weights: the published {PUBLISHED} (fetched)"
    model, wanted = load_frame_generator(found.path), small_tpsmm().for_inference()
    frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.extract(frames).value, wanted.extract(frames).value)


def test_they_are_fetched_once(site, boxes):
    frame_weights("colab")
    count = len(site.requests)
    assert "fetched earlier" in frame_weights("colab").note and len(site.requests) == count and not boxes


def test_without_a_source_the_shipped_weights_a_box_and_the_record_say_so(site, cache, boxes, tmp_path):
    site.files.clear()
    found = frame_weights("colab")
    assert found.path.name == "heads64-fomm" and load_frame_generator(found.path).kind == "fomm"
    assert len(boxes) == 1
    place = cache / "downloads" / PUBLISHED / "vox.pth.tar"
    for part in (PUBLISHED, "faces", "MIT", "not found (404)", PAGE, str(place), "the shipped heads64-fomm"):
        assert part in boxes[0], part
    write_run_record(tmp_path / "run", "demo", {}, {}, 0, 1.0, {"weights": found.note})
    recorded = read_json(tmp_path / "run" / "manifest.json")["weights"]
    assert "heads64-fomm" in recorded and f"the published {PUBLISHED} could not be fetched" in recorded
    assert str(tmp_path) not in json.dumps(recorded)


def test_a_file_put_where_the_box_says_is_taken(site, cache, boxes):
    data = site.files.pop("/vox.pth.tar")
    frame_weights("colab")
    place = cache / "downloads" / PUBLISHED / "vox.pth.tar"
    assert str(place) in boxes[0]
    place.write_bytes(data)
    assert frame_weights("colab").path == cache / PUBLISHED and len(boxes) == 1


def test_a_file_that_is_none_is_told_in_the_box(site, boxes):
    site.files["/vox.pth.tar"] = b"something else" * 100
    found = frame_weights("colab")
    assert found.path.name == "heads64-fomm" and "its file cannot be used" in found.note
    assert "is no torch file" in boxes[0] and "remove that file" in boxes[0]


def test_without_a_source_a_run_in_earnest_comes_before_the_shipped_weights(site, boxes, tmp_path):
    site.files.clear()
    run = write_description(tmp_path / "run", "fomm", "colab")
    assert frame_weights("colab", run=run).path == run and "of the run" in boxes[0]


def test_a_box_cannot_be_left_by_what_a_server_says(site, boxes):
    site.files["/vox.pth.tar"] = b"<html><title>&lt;b&gt; <script>alert(1)</script></title></html>"
    frame_weights("colab")
    assert "web page" in boxes[0] and "<script>" not in boxes[0]


@pytest.mark.parametrize("profile", ["smoke", "shipped", "full"])
def test_other_profiles_never_use_the_network(site, boxes, monkeypatch, profile):
    def refuse(*args, **options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", refuse)
    assert frame_weights(profile).path.name == "heads64-fomm" and not boxes
    with pytest.raises(AssertionError, match="network"):
        frame_weights("colab")  # which would have shown it


@pytest.mark.parametrize("profile", ["smoke", "colab"])
def test_weights_that_are_named_come_first(site, boxes, tiny_weights, profile):
    found = frame_weights(profile, tiny_weights)
    assert found.path == tiny_weights and "as WEIGHTS says" in found.note and not site.requests
    found = frame_weights(profile, "heads64-fomm")
    assert found.path.name == "heads64-fomm" and not site.requests
    assert frame_weights(profile, PUBLISHED).path.name == PUBLISHED and not boxes


def test_the_run_of_notebook_02_can_be_asked_for(boxes, cache, tmp_path):
    run = write_description(tmp_path / "run", "fomm", "smoke")
    found = frame_weights("colab", "run", run)
    assert found.path == run and "of the run of notebook 02" in found.note and not boxes
    with pytest.raises(InputError, match="which is not there"):
        frame_weights("colab", "run", tmp_path / "none")


def test_weights_that_were_named_and_are_not_there_are_an_error_and_no_box(site, boxes):
    site.files.clear()
    with pytest.raises(RunError, match="no source gave vox.pth.tar"):
        frame_weights("smoke", PUBLISHED)
    with pytest.raises(InputError, match="no weights of that name or path"):
        frame_weights("colab", "nothing")
    assert not boxes


def motion_run(folder, learned):
    """The description of an FI's run in profile colab."""
    write_description(folder, "fi", "colab")
    description = read_json(folder / "config.json")
    info = description["info"] | {"frame_generator_hash": learned}
    (folder / "config.json").write_text(json.dumps(description | {"info": info}), encoding="utf-8")
    return folder


def test_motion_weights_have_to_know_the_frame_generator(tmp_path):
    run = motion_run(tmp_path / "run", "own")
    folder, note = motion_weights("colab", "fi", "own", run)
    assert folder == run and "of the run in profile colab" in note
    folder, note = motion_weights("colab", "fi", "another", run)
    assert folder is None and note.startswith("fi: left out, ")
    learned = json.loads((find_weights("heads64-fi") / "config.json").read_text(encoding="utf-8"))["info"]
    folder, note = motion_weights("smoke", "fi", learned["frame_generator_hash"], run)
    assert folder == find_weights("heads64-fi") and "a smoke run" in note
