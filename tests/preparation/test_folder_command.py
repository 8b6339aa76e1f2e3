"""`data_prep/folder.py`: any videos become a clip folder, and the account of it is true."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import taichi
from data_prep.folder import main
from fommvg_lib.clips import ClipFolder
from fommvg_lib.files import PARTIAL
from fommvg_lib.preparation import VideoRecipe, find_videos, read_manifest
from fommvg_lib.video_io import count_frames, probe, read_video, write_image, write_video
from tests.video_io.clips import numbered_frame, read_number, write_clip


@pytest.fixture
def videos(tmp_path) -> Path:
    """Three people: an mp4 and a gif of one, a folder of frames, an mkv, and a file that was cut off."""
    root = tmp_path / "videos"
    root.mkdir()
    frames = [numbered_frame(number) for number in range(9)]
    write_clip(root / "anna#1.mp4", num_frames=12)
    write_video(root / "anna#2.gif", frames, 20)
    for number, frame in enumerate(frames):
        write_image(root / "ben" / f"frame{number}.png", frame)
    (root / "deep" / "er").mkdir(parents=True)
    write_clip(root / "deep" / "er" / "cleo.mkv", num_frames=7)
    whole = write_clip(tmp_path / "whole.mp4", num_frames=30).read_bytes()
    (root / "dora.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    return root


def prepare(capsys, *words) -> tuple[int, str, str]:
    status = main([*map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Give time of change and content of every file."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_every_frame_is_in_a_clip_or_in_the_account(capsys, tmp_path, videos):
    status, said, _ = prepare(capsys, "--videos", videos, "--out", tmp_path / "out", "--size", 64)
    assert status == 0 and "4 clips of 37 frames" in said and "1 rejected" in said
    rows = {row.source: row for group in read_manifest(tmp_path / "out").values() for row in group}
    assert {key: row.frames for key, row in rows.items()} == {
        "anna#1.mp4": "12",
        "anna#2.gif": "9",
        "ben": "9",
        "deep/er/cleo.mkv": "7",
        "dora.mp4": "",
    }
    for row in rows.values():
        if row.clip:
            assert count_frames(tmp_path / "out" / row.clip) == int(row.frames) == int(row.source_frames)
    with (tmp_path / "out" / "rejected.csv").open(encoding="utf-8") as stream:
        (refused,) = csv.DictReader(stream)
    assert refused["source"] == "dora.mp4" and "cut off" in refused["reason"]


def test_the_result_is_read_as_clips_with_identities_apart(capsys, tmp_path, videos):
    prepare(capsys, "--videos", videos, "--out", tmp_path / "out", "--size", 64)
    train, test = (ClipFolder(tmp_path / "out", split) for split in ("train", "test"))
    people = [{clips.identity(i) for i in range(len(clips))} for clips in (train, test)]
    assert len(train) + len(test) == 4 and not people[0] & people[1]
    assert people[0] | people[1] == {"anna", "ben", "deep-er-cleo"}


def test_frames_are_those_of_the_source_cut_to_the_middle(capsys, tmp_path, videos):
    options = ("--size", 48, "--format", "png", "--test-identities", "ben")
    prepare(capsys, "--videos", videos, "--out", tmp_path / "out", *options)
    written = read_video(tmp_path / "out" / "test" / "ben#000.mp4")
    expected = np.stack([numbered_frame(number)[:, 8:56] for number in range(9)])
    assert np.array_equal(written, expected)  # png in, png out, 64 x 48 pixels: nothing but the cut


def test_a_second_run_does_nothing(capsys, tmp_path, videos):
    words = ("--videos", videos, "--out", tmp_path / "out", "--size", 64)
    prepare(capsys, *words)
    before = snapshot(tmp_path / "out")
    status, said, _ = prepare(capsys, *words)
    assert status == 0 and "0 sources prepared now, 5 were done before" in said
    assert snapshot(tmp_path / "out") == before


def test_only_what_changed_is_done_again(capsys, tmp_path, videos):
    words = ("--videos", videos, "--out", tmp_path / "out", "--size", 64)
    prepare(capsys, *words)
    before = snapshot(tmp_path / "out")
    write_clip(videos / "deep" / "er" / "cleo.mkv", num_frames=5)
    (next((tmp_path / "out").rglob("anna#1#000.mp4"))).unlink()
    _, said, _ = prepare(capsys, *words)
    assert "2 sources prepared now, 3 were done before" in said
    changed = {name for name, value in snapshot(tmp_path / "out").items() if before[name] != value}
    assert {Path(name).name for name in changed} == {
        "deep-er-cleo#000.mp4",
        "anna#1#000.mp4",
        "manifest.csv",
    }
    (row,) = read_manifest(tmp_path / "out")["deep/er/cleo.mkv"]
    assert row.frames == "5"


def test_several_processes_write_the_same_set(capsys, tmp_path, videos):
    options = ("--size", 32, "--format", "png")  # an encoder need not repeat itself byte for byte
    for out, jobs in (("one", 1), ("two", 2)):
        assert prepare(capsys, "--videos", videos, "--out", tmp_path / out, *options, "--jobs", jobs)[0] == 0
    one, two = (snapshot(tmp_path / out) for out in ("one", "two"))
    contents = [{name: content for name, (_, content) in files.items()} for files in (one, two)]
    assert contents[0] == contents[1] and len(contents[0]) > 37


def test_a_dry_run_writes_nothing(capsys, tmp_path, videos):
    status, said, _ = prepare(capsys, "--videos", videos, "--out", tmp_path / "out", "--dry-run")
    assert status == 0 and "5 sources: 5 new" in said and "deep-er-cleo" in said
    assert not (tmp_path / "out").exists()


def test_other_settings_in_the_same_folder_are_refused_until_overwritten(capsys, tmp_path, videos):
    words = ("--videos", videos, "--out", tmp_path / "out")
    prepare(capsys, *words, "--size", 64)
    status, _, why = prepare(capsys, *words, "--size", 32)
    assert status == 2 and "form.size 64 (asked for: 32)" in why and len(why.splitlines()) == 1
    (videos / "ben" / "frame8.png").unlink()
    (videos / "anna#2.gif").unlink()
    assert prepare(capsys, *words, "--size", 32, "--overwrite")[0] == 0
    assert ClipFolder(tmp_path / "out", "all").size == 32
    assert len(ClipFolder(tmp_path / "out", "all")) == 3  # the gif's clip went with it
    assert "anna#2.gif" not in read_manifest(tmp_path / "out")


def test_nothing_that_survives_is_status_2(capsys, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "empty.mp4").write_bytes(b"")
    status, _, why = prepare(capsys, "--videos", tmp_path / "videos", "--out", tmp_path / "out")
    assert status == 2 and "no clip came of 1 sources" in why and "rejected.csv" in why
    assert "empty" in (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--videos", "nowhere"), "no such file"),
        (("--crop", "middle"), "crop 'middle'"),
        (("--crop", "60,0,32,32"), "outside"),
        (("--size", "31"), "even side"),
        (("--test-identities", "zoe"), "zoe"),
        (("--test-share", "2"), "0 to 1"),
        (("--length", "4", "--max-frames", "8"), "contradict"),
        (("--identity", "("), "regular expression"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, words, reason):
    write_clip(tmp_path / "a.mp4", num_frames=3)
    status, _, why = prepare(capsys, "--videos", tmp_path, "--out", tmp_path / "out", *words)
    if reason == "outside":  # known only once the file is open
        assert status == 2 and "reaches outside" in (tmp_path / "out" / "rejected.csv").read_text()
    else:
        assert status == 2 and reason in why and len(why.splitlines()) == 1


def test_clips_of_exact_length_leave_the_rest_in_the_account(capsys, tmp_path):
    write_clip(tmp_path / "in.mp4", num_frames=11)
    words = ("--videos", tmp_path / "in.mp4", "--out", tmp_path / "out", "--size", 48, "--length", 4)
    prepare(capsys, *words, "--crop", "stretch")
    rows = read_manifest(tmp_path / "out")["in.mp4"]
    assert [(row.status, row.start, row.frames) for row in rows] == [
        ("written", "0.000", "4"),
        ("written", "0.160", "4"),
        ("left out", "0.320", "3"),
    ]
    frames = read_video(tmp_path / "out" / rows[1].clip)
    wide = [np.repeat(np.repeat(frame, 2, 0), 2, 1)[:, :, :] for frame in frames]
    assert [read_number(_widen(frame)) for frame in wide] == [4, 5, 6, 7]


def _widen(frame: np.ndarray) -> np.ndarray:
    """Bring a stretched frame back to 64 x 48."""
    rows = np.linspace(0, frame.shape[0] - 1, 48).astype(int)
    columns = np.linspace(0, frame.shape[1] - 1, 64).astype(int)
    return frame[rows][:, columns]


def test_shots_become_clips(capsys, tmp_path):
    dark = [numbered_frame(n) // 4 for n in range(8)]
    bright = [255 - numbered_frame(n) // 4 for n in range(6)]
    write_video(tmp_path / "film.mp4", [*dark, *bright], 25)
    words = ("--videos", tmp_path / "film.mp4", "--out", tmp_path / "out", "--size", 48, "--shots")
    prepare(capsys, *words)
    rows = read_manifest(tmp_path / "out")["film.mp4"]
    assert [(row.start, row.frames) for row in rows] == [("0.000", "8"), ("0.320", "6")]


def test_given_splits_are_kept_and_the_top_folder_is_no_part_of_names(capsys, tmp_path):
    for split in ("train", "test"):
        (tmp_path / "in" / split).mkdir(parents=True)
        write_clip(tmp_path / "in" / split / f"{split}er#0.mp4", num_frames=3)
    prepare(capsys, "--videos", tmp_path / "in", "--out", tmp_path / "out", "--size", 32)
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.mp4"))
    assert found == ["test/tester#0#000.mp4", "train/trainer#0#000.mp4"]


def test_identities_by_folder_or_by_rule(capsys, tmp_path):
    for name in ("anna", "ben"):
        (tmp_path / "in" / name).mkdir(parents=True)
        write_clip(tmp_path / "in" / name / "take#1.mp4", num_frames=3)
    for rule, names in (("folder", {"anna#take_1#000", "ben#take_1#000"}), (r"^(\w)", {"a#", "b#"})):
        out = tmp_path / f"out{len(rule)}"
        prepare(capsys, "--videos", tmp_path / "in", "--out", out, "--size", 32, "--identity", rule)
        stems = {path.stem for path in out.rglob("*.mp4")}
        assert stems == names or {stem[:2] for stem in stems} == names


def test_two_sources_of_one_name_do_not_overwrite_each_other(capsys, tmp_path):
    write_clip(tmp_path / "a b.mp4", num_frames=3)
    write_clip(tmp_path / "a_b.mp4", num_frames=4)
    words = ("--videos", tmp_path, "--out", tmp_path / "out", "--size", 32)
    _, said, _ = prepare(capsys, *words)
    assert "1 clips of 3 frames" in said and "1 rejected" in said
    (row,) = read_manifest(tmp_path / "out")["a_b.mp4"]
    assert "named like those of a b.mp4" in row.reason
    assert "0 sources prepared now" in prepare(capsys, *words)[1]  # and its own output is no input


def test_names_that_are_no_utf_8_links_and_loops_do_not_stop_it(capsys, tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    strange = os.fsdecode(b"caf\xe9.mp4")
    write_clip(tmp_path / "plain.mp4", num_frames=3)
    os.rename(tmp_path / "plain.mp4", root / strange)
    (root / "loop").symlink_to(root)
    (root / "gone.mp4").symlink_to(tmp_path / "nothing.mp4")
    status, _, _ = prepare(capsys, "--videos", root, "--out", tmp_path / "out", "--size", 32)
    assert status == 0 and list(read_manifest(tmp_path / "out")) == [r"caf\xe9.mp4"]


def test_an_output_that_cannot_be_written_is_said_and_nothing_is_blamed_on_the_source(
    capsys, tmp_path, monkeypatch
):
    write_clip(tmp_path / "a.mp4", num_frames=3)
    (tmp_path / "file").write_text("in the way")
    status, _, why = prepare(capsys, "--videos", tmp_path / "a.mp4", "--out", tmp_path / "file")
    assert status == 2 and "cannot be written" in why

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fommvg_lib.video_io.write.VideoWriter.write", full)
    status, _, why = prepare(capsys, "--videos", tmp_path / "a.mp4", "--out", tmp_path / "out")
    assert status == 1 and "No space left" in why
    assert not list((tmp_path / "out").rglob("*.mp4")) and not (tmp_path / "out" / "manifest.csv").exists()


def interrupt_after(monkeypatch, count: int) -> None:
    """Make the command stop, as by Ctrl-C, when it has prepared so many sources."""
    real, seen = VideoRecipe.prepare, []

    def prepare_or_stop(self, source, digest, out):
        if len(seen) == count:
            raise KeyboardInterrupt
        seen.append(source)
        return real(self, source, digest, out)

    monkeypatch.setattr(VideoRecipe, "prepare", prepare_or_stop)


def test_an_interrupted_run_goes_on_where_it_was(capsys, tmp_path, monkeypatch, videos):
    words = ("--videos", videos, "--size", 32, "--format", "png", "--out")
    prepare(capsys, *words, tmp_path / "unbroken")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        status, _, why = prepare(capsys, *words, tmp_path / "out")
    assert status == 130 and "interrupted" in why
    done = [path for path in (tmp_path / "out").glob("t*/*.mp4")]
    assert len(done) == len(read_manifest(tmp_path / "out")) == 2
    leftover = tmp_path / "out" / "train" / f".half.{PARTIAL}x"  # what a kill would have left
    leftover.mkdir()
    _, said, _ = prepare(capsys, *words, tmp_path / "out")
    assert "3 sources prepared now, 2 were done before" in said and not leftover.exists()
    broken, whole = (snapshot(tmp_path / name) for name in ("out", "unbroken"))
    assert {k: v for k, (_, v) in broken.items()} == {k: v for k, (_, v) in whole.items()}


def test_overwriting_that_was_interrupted_mixes_nothing(capsys, tmp_path, monkeypatch, videos):
    words = ("--videos", videos, "--out", tmp_path / "out", "--format", "png")
    prepare(capsys, *words, "--size", 64)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        assert prepare(capsys, *words, "--size", 32, "--overwrite")[0] == 130
    assert prepare(capsys, *words, "--size", 32)[0] == 0
    sizes = {probe(path).width for path in (tmp_path / "out").glob("t*/*.mp4")}
    assert sizes == {32}


def test_a_manifest_that_names_files_outside_the_set_is_refused(capsys, tmp_path):
    write_clip(tmp_path / "in.mp4", num_frames=3)
    words = ("--videos", tmp_path / "in.mp4", "--out", tmp_path / "out", "--size", 32)
    prepare(capsys, *words)
    manifest = tmp_path / "out" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("train/in", "../in"))
    status, _, why = prepare(capsys, *words, "--overwrite")
    assert status == 2 and "outside the set" in why and (tmp_path / "in.mp4").exists()


def as_an_earlier_version_wrote_it(manifest: Path) -> None:
    """Take the column `plan` out, which came later."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "plan"} for row in csv.DictReader(file)]
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_set_of_an_earlier_version_is_refused_until_overwritten(capsys, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        write_clip(tmp_path / "in" / f"{name}.mp4", num_frames=3)
    words = ("--videos", tmp_path / "in", "--out", tmp_path / "out", "--size", 32)
    prepare(capsys, *words)
    as_an_earlier_version_wrote_it(tmp_path / "out" / "manifest.csv")
    (tmp_path / "in" / "two.mp4").unlink()
    status, _, why = prepare(capsys, *words)
    assert status == 2 and "earlier version (no plan): --overwrite" in why
    assert "1 sources: 1 new" in prepare(capsys, *words, "--dry-run", "--overwrite")[1]
    assert prepare(capsys, *words, "--overwrite")[0] == 0
    assert [row.plan != "" for (row,) in read_manifest(tmp_path / "out").values()] == [True]
    assert [path.stem for path in (tmp_path / "out").glob("t*/*.mp4")] == ["one#000"]


def test_overwriting_leaves_a_file_alone_that_is_no_manifest(capsys, tmp_path):
    write_clip(tmp_path / "in.mp4", num_frames=3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.csv").write_text("clip,mine\na,b\n")
    status, _, why = prepare(
        capsys, "--videos", tmp_path / "in.mp4", "--out", tmp_path / "out", "--overwrite"
    )
    assert status == 2 and "not the header of a manifest" in why
    assert (tmp_path / "out" / "manifest.csv").read_text() == "clip,mine\na,b\n"


def test_two_runs_do_not_work_on_one_set(capsys, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    write_clip(tmp_path / "in.mp4", num_frames=3)
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    words = ("--videos", tmp_path / "in.mp4", "--out", tmp_path / "out", "--size", 32)
    fcntl.flock(handle, fcntl.LOCK_EX)
    status, _, why = prepare(capsys, *words)
    assert status == 2 and "another run" in why and not (tmp_path / "out" / "train").exists()
    os.close(handle)
    assert prepare(capsys, *words)[0] == 0


def test_pictures_beside_videos_are_posters(tmp_path):
    write_clip(tmp_path / "a.mp4", num_frames=2)
    write_image(tmp_path / "a.jpg", numbered_frame(0))
    write_image(tmp_path / "frames" / "0.png", numbered_frame(0))
    (tmp_path / ".hidden.mp4").write_bytes(b"")
    assert find_videos(tmp_path) == [tmp_path / "a.mp4", tmp_path / "frames"]


@pytest.mark.parametrize("change", ["who is shown", "the table"])
def test_what_decides_the_clips_is_looked_at_again(capsys, tmp_path, change):
    (tmp_path / "in" / "anna").mkdir(parents=True)
    write_clip(tmp_path / "in" / "anna" / "a.mp4", num_frames=6)
    if change == "who is shown":
        words = ("--videos", tmp_path / "in", "--out", tmp_path / "out", "--size", 32)
        run = lambda *more: prepare(capsys, *words, *more)  # noqa: E731
        first, second = ("--identity", "name"), ("--identity", "folder")
    else:
        table = tmp_path / "table.csv"
        words = ("--videos", tmp_path / "in" / "anna", "--metadata", table, "--out", tmp_path / "out")

        def run(stop: int) -> tuple[int, str, str]:
            header = "video_id,start,end,bbox,fps,width,height,partition"
            table.write_text(f"{header}\na,0,{stop},0-0-32-32,25,32,32,train\n")
            status = taichi.main([*map(str, words), "--size", "32"])
            captured = capsys.readouterr()
            return status, captured.out, captured.err

        first, second = (4,), (5,)
    assert run(*first)[0] == 0
    before = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    assert "0 sources prepared now, 1 were done before" in run(*first)[1]
    status, said, why = run(*second)
    assert status == 0 and "1 sources prepared now" in said, why
    after = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    assert len(after) == 1 and not after & before  # clips of the old plan are gone
    assert "0 sources prepared now, 1 were done before" in run(*second)[1]


def test_settings_of_which_nothing_came_bind_nobody(capsys, tmp_path):
    write_clip(tmp_path / "a.mp4", num_frames=6)
    words = ("--videos", tmp_path / "a.mp4", "--out", tmp_path / "out", "--size", 32)
    assert prepare(capsys, *words, "--length", 100)[0] == 2
    status, said, why = prepare(capsys, *words, "--length", 3)
    assert status == 0 and "2 clips of 6 frames" in said, why
    assert not (tmp_path / "out" / "rejected.csv").exists()
    status, _, why = prepare(capsys, *words, "--length", 2, "--dry-run")
    assert status == 2 and "length 3 (asked for: 2)" in why
    status, said, _ = prepare(capsys, *words, "--length", 2, "--dry-run", "--overwrite")
    assert status == 0 and "1 new" in said


@pytest.mark.parametrize(
    "words",
    [("--fps", "nan"), ("--fps", "0"), ("--fps", "-3"), ("--folder-fps", "0"), ("--folder-fps", "inf")],
)
def test_a_rate_that_means_nothing_is_refused_at_once(capsys, tmp_path, words):
    write_clip(tmp_path / "a.mp4", num_frames=3)
    status, _, why = prepare(capsys, "--videos", tmp_path / "a.mp4", "--out", tmp_path / "out", *words)
    assert status == 2 and "fps must be above 0" in why and len(why.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_sources_are_named(capsys, tmp_path):
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "a.mp4", num_frames=3)
    write_image(tmp_path / "in" / "a.jpg", numbered_frame(0))
    write_image(tmp_path / "in" / "frames" / "0.bmp.png", numbered_frame(0))
    for name in ("b.wmv", "c.WMV", "frames/notes.txt", ".hidden.txt", "README"):
        (tmp_path / "in" / name).write_text("")
    words = ("--videos", tmp_path / "in", "--out", tmp_path / "in" / "out", "--size", 32, "--min-frames", 1)
    told = "files passed over: 1 .jpg, 1 .txt, 2 .wmv, 1 without ending"
    assert told in prepare(capsys, *words, "--dry-run")[1]
    status, said, _ = prepare(capsys, *words)
    assert status == 0 and told in said
    assert told in prepare(capsys, *words)[1]  # the set's own files do not count


def test_frames_may_be_any_pictures_and_rows_are_not_taken_for_frames(capsys, tmp_path):
    for number in range(3):
        (tmp_path / "in" / "webp").mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbered_frame(number)).save(tmp_path / "in" / "webp" / f"{number}.webp")
        row = np.concatenate([np.full((16, 16, 3), 40 * k, np.uint8) for k in range(3 + number)], axis=1)
        write_image(tmp_path / "in" / "rows" / f"{number}.png", row)
    words = ("--videos", tmp_path / "in", "--out", tmp_path / "out", "--size", 32)
    status, said, _ = prepare(capsys, *words)
    assert status == 0 and "1 clips of 3 frames" in said and "1 rejected" in said
    assert "rows of square frames" in (tmp_path / "out" / "rejected.csv").read_text()
