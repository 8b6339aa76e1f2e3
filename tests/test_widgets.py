"""The upload panel: reads both forms of an upload, computes on its button only, and steps aside headless."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fommvg_lib import widgets
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import AnimateOptions, animate
from fommvg_lib.video_io import probe, read_image, read_video, resize_image

UPLOAD_7 = {"me.png": {"metadata": {"name": "me.png", "size": 3}, "content": b"abc"}}
UPLOAD_8 = ({"name": "me.png", "type": "image/png", "size": 3, "content": memoryview(b"abc")},)


@pytest.fixture(scope="module")
def model(tiny_weights):
    return load_frame_generator(tiny_weights)


@pytest.fixture
def person(monkeypatch):
    """Somebody sits in front of the notebook."""
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(widgets, "has_front_end", lambda: True)


def controls_of(panel) -> SimpleNamespace:
    """Find the panel's widgets by the first word they say."""
    *rows, _, shown = panel.children
    found = {child.description.split()[0]: child for row in rows for child in row.children}
    return SimpleNamespace(**found, shown=shown)


def named(name: str) -> tuple:
    return ({**UPLOAD_8[0], "name": name},)


@pytest.mark.parametrize("value", [UPLOAD_7, UPLOAD_8], ids=["ipywidgets 7", "ipywidgets 8"])
def test_an_upload_of_either_version_becomes_the_same_file(tmp_path: Path, value):
    path = widgets.uploaded_file(value, tmp_path / "uploads")
    assert path == tmp_path / "uploads" / "me.png"
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize("value", [{}, (), None])
def test_no_upload_gives_no_file(tmp_path: Path, value):
    assert widgets.uploaded_file(value, tmp_path) is None


@pytest.mark.parametrize("name", ["../../me.png", "..\\..\\me.png", "/elsewhere/me.png"])
def test_an_upload_stays_in_its_folder(tmp_path: Path, name):
    path = widgets.uploaded_file(named(name), tmp_path / "uploads")
    assert path == tmp_path / "uploads" / "me.png"


@pytest.mark.parametrize("name", ["", "..", "a/.."])
def test_an_upload_without_a_name_is_refused(tmp_path: Path, name):
    with pytest.raises(InputError, match="no file name"):
        widgets.uploaded_file(named(name), tmp_path)


def test_an_empty_upload_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"me\.png: the upload is empty"):
        widgets.uploaded_file({"me.png": {"content": b""}}, tmp_path)
    assert not any(tmp_path.iterdir())


def test_files_are_animated_as_by_the_pipeline(tmp_path: Path, model, portrait, driving):
    out = tmp_path / "out.mp4"
    assert widgets.animate_files(model, portrait, driving, out, crop="center") == []
    joined, size = read_video(out), (model.size, model.size)
    assert joined.shape == (24, model.size, 3 * model.size, 3)
    assert probe(out).fps == probe(driving).fps
    frames = [resize_image(frame, size) for frame in read_video(driving)]
    expected = np.stack(list(animate(model, resize_image(read_image(portrait), size), frames)))
    result = joined[:, :, 2 * model.size :]
    assert np.abs(result.astype(float) - expected).mean() < 8  # H.264 is lossy


def test_a_missing_face_is_noted(tmp_path: Path, model, portrait, driving):
    notes = widgets.animate_files(model, portrait, driving, tmp_path / "out.mp4", crop="face")
    assert all("no face was found" in note for note in notes)
    assert [note.partition(":")[0] for note in notes] == [portrait.name, driving.name]


def test_headless_is_one_line(tmp_path: Path, capsys, model, portrait, driving):
    assert widgets.upload_panel(model, tmp_path / "out", portrait, driving) is None
    assert capsys.readouterr().out.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_ipywidgets_it_is_one_line(tmp_path: Path, capsys, monkeypatch, model, portrait, driving):
    monkeypatch.setattr(widgets, "has_front_end", lambda: True)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert widgets.upload_panel(model, tmp_path / "out", portrait, driving) is None
    assert "ipywidgets is not installed" in capsys.readouterr().out


def test_nothing_is_computed_before_the_button_is_pressed(tmp_path: Path, person, model, portrait, driving):
    panel = widgets.upload_panel(model, tmp_path / "out", portrait, driving, "center")
    assert not (tmp_path / "out").exists()
    controls_of(panel).Animate.click()
    (made,) = (tmp_path / "out").glob("*.mp4")
    assert probe(made).num_frames == 24
    assert "<video" in controls_of(panel).shown.value


def test_the_button_uses_uploads_and_options(tmp_path: Path, person, monkeypatch, model, portrait, driving):
    import ipywidgets

    calls = []
    monkeypatch.setattr(widgets, "animate_files", lambda *args: calls.append(args) or ["a <note>"])
    monkeypatch.setattr(widgets, "video_html", lambda path, caption: "shown")
    controls = controls_of(widgets.upload_panel(model, tmp_path, portrait, driving, "center"))
    is_7 = ipywidgets.__version__.startswith("7.")
    uploaded = UPLOAD_7 if is_7 else ({**UPLOAD_8[0], "last_modified": datetime(2000, 1, 1, tzinfo=UTC)},)
    controls.portrait.set_trait("value", uploaded)
    controls.motion.value, controls.crop.value = "absolute", "none"
    controls.adapt.value, controls.closest.value, controls.gain.value = False, True, 1.5
    controls.Animate.click()
    ((_, source, moved_by, out, options, crop),) = calls
    assert (source, moved_by, crop) == (tmp_path / "uploads" / "me.png", driving, "none")
    assert out.parent == tmp_path and out.suffix == ".mp4"
    assert options == AnimateOptions("absolute", False, "auto", 1.5)
    assert controls.shown.value == "<p>a &lt;note&gt;</p>shown"


def test_avd_is_offered_where_the_weights_hold_the_network(
    tmp_path: Path, person, model, tiny_tpsmm, portrait, driving
):
    offered = []
    for each in (model, load_frame_generator(tiny_tpsmm)):
        controls = controls_of(widgets.upload_panel(each, tmp_path, portrait, driving, "center"))
        offered.append(controls.motion.options)
    assert offered == [("relative", "absolute"), ("relative", "absolute", "avd")]
    controls.motion.value, controls.closest.value = "avd", True
    controls.Animate.click()
    assert (
        "<video" in controls.shown.value and "best_frame: without effect in mode avd" in controls.shown.value
    )
    with pytest.raises(InputError, match="no AVD network"):
        widgets.animate_files(model, portrait, driving, tmp_path / "out.mp4", AnimateOptions("avd"), "center")


def test_a_bad_file_is_told_in_the_panel(tmp_path: Path, person, model, driving):
    broken = tmp_path / "<broken>.png"
    broken.write_bytes(b"no picture")
    controls = controls_of(widgets.upload_panel(model, tmp_path / "out", broken, driving, "center"))
    controls.Animate.click()
    assert "&lt;broken&gt;.png" in controls.shown.value
    assert not controls.Animate.disabled
    assert not list((tmp_path / "out").glob("*.mp4"))
