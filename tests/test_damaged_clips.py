"""Clips as people have them: alone each works or is one clear error, among others it is listed.

Whatever happens, nothing half-written stays behind.
"""

import csv
import errno
import os
import tempfile
from pathlib import Path

import pytest

from fommvg_lib.__main__ import main as command
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.motion_files import load_motion
from fommvg_lib.video_io import probe, write_image
from fommvg_lib.video_io.probe import CLIP_SUFFIXES
from tests.damaged_clips import CASES, head, huge_png, make_case, whole
from tests.full_disk import largest_file

REFUSED = [name for name, case in CASES.items() if case.reason]
READ = [name for name, case in CASES.items() if not case.reason]
BAD_PICTURES = {
    "torn": "cut off", "empty": "empty", "huge": "pixels", "text": "no picture", "animated": "animated",
}  # fmt: skip


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir()) if folder.exists() else []


def extract(weights, videos, out) -> int:
    words = ("extract", "--videos", videos, "--out", out, "--weights", weights, "--device", "cpu")
    return command([os.fspath(word) for word in words])


def assert_one_line(capsys, status: int, *parts: str) -> None:
    error = capsys.readouterr().err
    assert status == 2 and len(error.splitlines()) == 1, error
    for part in parts:
        assert part in error, error


@pytest.mark.parametrize("name", REFUSED)
def test_alone_it_is_one_clear_error_and_nothing_is_written(name, tiny_weights, portrait, tmp_path, capsys):
    path = make_case(name, tmp_path / "clips")
    status = extract(tiny_weights, path, tmp_path / "out")
    assert_one_line(capsys, status, path.name, CASES[name].reason)
    words = ("--source", portrait, "--driving", path, "--out", tmp_path / "out" / "a.mp4", "--crop", "center")
    status = command(["animate", *map(os.fspath, words), "--weights", os.fspath(tiny_weights)])
    assert_one_line(capsys, status, path.name, CASES[name].reason)
    assert files_in(tmp_path / "out") == []


@pytest.mark.parametrize("name", READ)
def test_alone_it_works_whole(name, tiny_weights, portrait, tmp_path, capsys):
    path = make_case(name, tmp_path / "clips")
    assert extract(tiny_weights, path, tmp_path / "out") == 0, capsys.readouterr().err
    (written,) = (tmp_path / "out").iterdir()
    assert len(load_motion(written)) == CASES[name].frames
    words = ("--source", portrait, "--driving", path, "--out", tmp_path / "a.mp4", "--crop", "center")
    assert command(["animate", *map(os.fspath, words), "--weights", os.fspath(tiny_weights)]) == 0
    assert probe(tmp_path / "a.mp4").num_frames >= CASES[name].frames
    assert capsys.readouterr().out.isascii()  # a name that is not UTF-8 does not break the report


@pytest.fixture(scope="module")
def all_cases(tmp_path_factory) -> Path:
    """Every case in a folder of its own, between two clips in which nothing is wrong."""
    root = tmp_path_factory.mktemp("all")
    for name in CASES:
        make_case(name, root / name)
    for name in ("0 first", "z last"):
        whole(root / name)
    return root


def test_among_others_each_is_listed_and_the_rest_goes_on(all_cases, tiny_weights, tmp_path):
    assert extract(tiny_weights, all_cases, tmp_path / "out") == 0
    with (tmp_path / "out" / "rejected.csv").open(encoding="utf-8", newline="") as stream:
        rejected = dict(list(csv.reader(stream))[1:])
    assert sorted(name.split("/")[0] for name in rejected) == sorted(REFUSED)
    for clip, reason in rejected.items():
        assert CASES[clip.split("/")[0]].reason in reason
    written = [path for path in (tmp_path / "out").rglob("*.safetensors")]
    found = sorted(path.relative_to(tmp_path / "out").parts[0] for path in written)
    assert found == sorted([*READ, "0 first", "z last"])
    assert len(files_in(tmp_path / "out")) == len(written) + 1


def test_packing_lists_them_and_goes_on(all_cases, tmp_path):
    (tmp_path / "flat").mkdir()
    for name in CASES:
        (path,) = (path for path in (all_cases / name).rglob("*") if _is_clip(path))
        (tmp_path / "flat" / f"{name}{path.suffix}").symlink_to(path)
    index, _ = pack_clips(tmp_path / "flat", tmp_path / "packed", 16)
    assert sorted(Path(name).stem for name in index.rejected) == sorted(REFUSED)
    assert sorted(clip.name for clip in index.clips) == sorted(READ)
    assert files_in(tmp_path / "packed") == ["frames.u8", "index.json", "rejected.csv"]


def _is_clip(path: Path) -> bool:
    return path.name == "clip" or path.suffix in CLIP_SUFFIXES


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_picture_that_cannot_be_used_is_one_clear_error(name, tiny_weights, tmp_path, capsys):
    path = tmp_path / "portrait.png"
    write_image(path, head())
    if name == "torn":
        os.truncate(path, path.stat().st_size // 2)
    elif name == "huge":
        huge_png(path)
    elif name == "animated":
        path = make_case("animated picture", tmp_path / "clips") / "1.png"
    else:
        path.write_text("" if name == "empty" else "a letter")
    words = ("--image", path, "--frames", "4", "--out", tmp_path / "out" / "a.mp4", "--crop", "center")
    status = command(["predict", *map(os.fspath, words), "--method", "copy-first-frame"])
    assert_one_line(capsys, status, path.name, BAD_PICTURES[name])
    assert files_in(tmp_path / "out") == []


def refuse_to_write(*args, **kwargs):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("kind", ["below a file", "read-only"])
def test_output_that_cannot_be_written_is_one_clear_error(
    kind, tiny_weights, driving, portrait, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    if kind == "below a file":
        out.write_text("a letter")
    else:
        monkeypatch.setattr(tempfile, "mkstemp", refuse_to_write)
        monkeypatch.setattr(tempfile, "mkdtemp", refuse_to_write)
    assert_one_line(capsys, extract(tiny_weights, driving, out), str(out), "cannot be written")
    words = ("--source", portrait, "--driving", driving, "--crop", "center", "--weights", tiny_weights)
    for name in ("a.mp4", "a.gif", "a/"):
        status = command(["animate", *map(os.fspath, words), "--out", f"{out}/{name}"])
        assert_one_line(capsys, status, str(out), "cannot be written")
    assert files_in(out) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a/"])
def test_full_disk_is_one_clear_error_and_leaves_nothing(
    name, tiny_weights, driving, portrait, tmp_path, capsys
):
    words = ("--source", portrait, "--driving", driving, "--crop", "center", "--weights", tiny_weights)
    with largest_file(500):
        status = command(["animate", *map(os.fspath, words), "--out", f"{tmp_path}/out/{name}"])
    assert_one_line(capsys, status, str(tmp_path / "out"), "cannot be written")
    assert files_in(tmp_path / "out") == []


def test_disk_that_fills_up_is_listed_and_the_rest_goes_on(tiny_weights, tmp_path, capsys):
    for number, num_frames in enumerate((3, 24, 2)):
        whole(tmp_path / "in", f"{number}.mp4", num_frames)
    with largest_file(3000):  # room for the motion of some frames
        assert extract(tiny_weights, tmp_path / "in", tmp_path / "out") == 0
    assert files_in(tmp_path / "out") == ["0.safetensors", "2.safetensors", "rejected.csv"]
    assert "1.safetensors: cannot be written" in (tmp_path / "out" / "rejected.csv").read_text()
    for videos, told in (
        (tmp_path / "in", "cannot be written"),
        (tmp_path / "in" / "0.mp4", "0.safetensors"),
    ):
        with largest_file(100):
            status = extract(tiny_weights, videos, tmp_path / "new")
        assert_one_line(capsys, status, told)
        assert files_in(tmp_path / "new") == []


def test_packing_on_a_full_disk_leaves_what_was_there(tmp_path):
    whole(tmp_path / "in", "0.mp4", 12)
    pack_clips(tmp_path / "in", tmp_path / "packed", 8)
    before = (tmp_path / "packed" / "frames.u8").read_bytes()
    with largest_file(3000), pytest.raises(Exception, match="cannot be written") as caught:
        pack_clips(tmp_path / "in", tmp_path / "packed", 16)
    assert type(caught.value).__name__ == "InputError"
    assert (tmp_path / "packed" / "frames.u8").read_bytes() == before
    assert files_in(tmp_path) == ["0.mp4", "frames.u8", "index.json"]
