"""Extraction of many clips: every clip counted, shards that join to what one run gives, kills survived."""

import gc
import json
import os
import random
import shutil
import signal
import threading
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from fommvg_lib.__main__ import main
from fommvg_lib.extraction import extract_folder, find_clips
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.motion_files import load_motion
from fommvg_lib.motion_shards import merge_shards
from fommvg_lib.prefetch import prefetch
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video
from tests.training.kill_cases import PATIENCE, Fuse

NUM_CLIPS = 7


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Seven clips in three folders, among them a folder of pictures, and two files that are no videos."""
    root = tmp_path_factory.mktemp("clips")
    names = ["a/0.mp4", "a/1.gif", "b/2.mp4", "b/deep/3.mp4", "4.webm", "take 5.1/", "6.mp4"]
    for number, name in enumerate(names):
        write_video(f"{root}/{name}", render_clip(number, 0, 5 + number, 32).frames, 25)
    (root / "a" / "torn.mp4").write_bytes((root / "a" / "0.mp4").read_bytes()[:500])
    (root / "b" / "words.avi").write_text("good morning")
    return root


def fork(out: Path, command: list[str], fuse: int | None = None) -> BaseProcess:
    """Start a command in a process of its own; `fuse` kills it at the n-th operation on files below `out`."""
    gc.collect()
    process = get_context("fork").Process(target=_live, args=(out, command, fuse))
    process.start()
    return process


def _live(out: Path, command: list[str], fuse: int | None) -> None:
    gc.freeze()  # a decoder left to the collector would wait here for threads that only the parent has
    log = os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for handle in (1, 2):
        os.dup2(log, handle)
    if fuse is not None:
        Fuse(out, fuse).arm()
    os._exit(main(command))


def run(out: Path, command: list[str], fuse: int | None = None) -> int:
    process = fork(out, command, fuse)
    process.join(PATIENCE)
    return process.exitcode


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def words(videos, out, weights, *more):
    fixed = [
        "extract",
        "--videos",
        str(videos),
        "--out",
        str(out),
        "--weights",
        str(weights),
        "--device",
        "cpu",
    ]
    return [*fixed, "--batch", "4", *more]


@pytest.fixture(scope="module")
def unbroken(videos, tiny_weights, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("unbroken") / "motion"
    assert main(words(videos, out, tiny_weights)) == 0
    return contents(out)


def test_every_clip_is_counted_and_every_frame(unbroken, videos, tiny_weights, tmp_path):
    names = ["4", "6", "a/0", "a/1", "b/2", "b/deep/3", "take 5.1"]
    assert sorted(unbroken) == sorted([*(f"{name}.safetensors" for name in names), "rejected.csv"])
    rejected = unbroken["rejected.csv"].decode().splitlines()
    assert rejected[0] == "clip,reason" and len(rejected) == 3
    assert rejected[1].startswith("a/torn.mp4,") and rejected[2].startswith("b/words.avi,")
    result = extract_folder(load_frame_generator(tiny_weights), videos, tmp_path / "out", 4)
    assert len(result.written) == NUM_CLIPS
    for path in result.written:
        assert len(load_motion(path)) == 5 + int(path.stem.replace("take 5.1", "5"))
    assert contents(tmp_path / "out") == unbroken


def test_a_clip_that_changed_is_done_again_and_no_other(videos, tiny_weights, tmp_path):
    root, out = tmp_path / "clips", tmp_path / "out"
    shutil.copytree(videos, root)
    model = load_frame_generator(tiny_weights)
    extract_folder(model, root, out, 4)
    time.sleep(0.02)
    write_video(root / "6.mp4", render_clip(20, 0, 3, 32).frames, 25)
    (root / "4.webm").touch()  # newer, the same
    result = extract_folder(model, root, out, 4)
    assert result.written == [out / "6.safetensors"] and len(result.present) == NUM_CLIPS - 1
    assert len(load_motion(out / "6.safetensors")) == 3


def test_clips_of_one_name_are_told_and_not_taken_for_each_other(tiny_weights, tmp_path):
    for name in ("x.mp4", "x.webm", "v.1/", "v.2/"):
        write_video(f"{tmp_path}/clips/{name}", render_clip(0, 0, 3, 32).frames, 25)
    result = extract_folder(load_frame_generator(tiny_weights), tmp_path / "clips", tmp_path / "out")
    assert sorted(path.name for path in result.written) == [
        "v.1.safetensors",
        "v.2.safetensors",
        "x.safetensors",
    ]
    assert list(result.rejected) == ["x.webm"] and "x.mp4" in result.rejected["x.webm"]


def test_links_upwards_and_hidden_files_are_no_clips(videos, tmp_path):
    root = tmp_path / "clips"
    shutil.copytree(videos, root)
    (root / "a" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "b" / "ring").symlink_to(root / "ring")
    (root / "ring").symlink_to(root / "b")
    (root / ".hidden.mp4").touch()
    found = [path.relative_to(root).as_posix() for path in find_clips(root)]
    there = [path.relative_to(videos).as_posix() for path in find_clips(videos)]
    assert [name for name in found if not name.startswith("ring/")] == there
    assert "ring/2.mp4" in found and len(found) == len(there) + 3


def test_one_clip_that_cannot_be_read_is_its_own_error(videos, tiny_weights, tmp_path, capsys):
    assert main(words(videos / "a" / "torn.mp4", tmp_path / "out", tiny_weights)) == 2
    error = capsys.readouterr().err
    assert "torn.mp4" in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("num_folders", [1, 2])
def test_shards_in_parallel_join_to_what_one_run_gives(videos, unbroken, tiny_weights, tmp_path, num_folders):
    outs = [tmp_path / f"out{index % num_folders}" for index in range(2)]
    running = [
        fork(outs[index], words(videos, outs[index], tiny_weights, "--shard", f"{index}/2"))
        for index in (0, 1)
    ]
    for process, out in zip(running, outs, strict=True):
        process.join(PATIENCE)
        assert process.exitcode == 0, out.with_suffix(".log").read_text()
    target = outs[0] if num_folders == 1 else tmp_path / "joined"
    assert main(["merge", "--shards", *map(str, sorted(set(outs))), "--out", str(target)]) == 0
    assert contents(target) == unbroken


def test_tasks_of_an_array_join_to_what_one_run_gives(videos, unbroken, tiny_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "1")
    for task in ("1", "2"):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", task)
        assert run(tmp_path / "out", words(videos, tmp_path / "out", tiny_weights)) == 0
    assert main(["merge", "--shards", str(tmp_path / "out"), "--out", str(tmp_path / "out")]) == 0
    assert contents(tmp_path / "out") == unbroken


@pytest.fixture
def shards(videos, tiny_weights, tmp_path) -> Path:
    model = load_frame_generator(tiny_weights)
    for index in range(3):
        extract_folder(model, videos, tmp_path / f"{index}", 4, (index, 3))
    return tmp_path


def joined(shards: Path, *names: str):
    return merge_shards([shards / name for name in names or ("0", "1", "2")], shards / "joined")


def test_shards_that_do_not_fit_are_refused(shards, videos, tiny_weights):
    with pytest.raises(InputError, match="shard 1/3 is missing or not finished"):
        joined(shards, "0", "2")
    with pytest.raises(InputError, match="is there twice"):
        joined(shards, "0", "1", "2", "2")
    with pytest.raises(InputError, match="no such folder"):
        joined(shards, "3")
    record = json.loads((shards / "1/shard-1-of-3.json").read_text())
    for change, reason in (
        ({"num_clips": 8}, "not of one run"),
        ({"weights_hash": "other"}, "different frame generators"),
        ({"rejected": {}, "files": {}}, "clips of 9"),
        ({"files": {"../x.safetensors": ""}}, "no record of a shard"),
        ({"unknown": 1}, "no record of a shard"),
    ):
        (shards / "1/shard-1-of-3.json").write_text(json.dumps(record | change))
        with pytest.raises(InputError, match=reason):
            joined(shards)
    assert not (shards / "joined").exists()


def test_files_that_changed_since_are_not_joined(shards):
    name = next(iter(json.loads((shards / "1/shard-1-of-3.json").read_text())["files"]))
    content = (shards / "1" / name).read_bytes()
    (shards / "1" / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="the hashes differ"):
        joined(shards)
    (shards / "1" / name).unlink()
    with pytest.raises(InputError, match="is missing"):
        joined(shards)
    (shards / "1" / name).write_bytes(content)
    (shards / "joined").mkdir()
    (shards / "joined" / "other.safetensors").touch()
    with pytest.raises(InputError, match="none of the shards' files"):
        joined(shards)
    (shards / "joined" / "other.safetensors").unlink()
    assert len(joined(shards)[0]) == NUM_CLIPS == len(joined(shards)[0])


def kill_at_an_operation(command: list[str], out: Path, rng: random.Random) -> None:
    """Kill a command that has everything to do at one of its first operations on files."""
    assert run(out, command, fuse=rng.randint(1, 25)) == -signal.SIGKILL


def kill_at_a_moment(command: list[str], out: Path, rng: random.Random) -> None:
    """Kill a command some time after it has made another file or two."""
    for _ in range(20):
        process, goal = fork(out, command), num_made(out) + rng.randint(0, 2)
        while num_made(out) < goal and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join(PATIENCE)
        if process.exitcode == -signal.SIGKILL:
            return
        shutil.rmtree(out)  # it was done before this process had its turn: again from the start
    raise AssertionError("it always ended before it could be killed")


def num_made(out: Path) -> int:
    return len(list(out.rglob("[!.]*.safetensors")))


def assert_kills_leave_nothing_different(command: list[str], out: Path, unbroken, seed: int) -> None:
    rng = random.Random(seed)
    kill_at_an_operation(command, out, rng)
    kill_at_a_moment(command, out, rng)
    assert run(out, command) == 0, out.with_suffix(".log").read_text()[-2000:]
    assert contents(out) == unbroken


def test_extraction_killed_twice_ends_the_same(videos, unbroken, tiny_weights, tmp_path):
    command = words(videos, tmp_path / "out", tiny_weights)
    assert_kills_leave_nothing_different(command, tmp_path / "out", unbroken, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
def test_extraction_killed_at_20_random_moments_ends_the_same(videos, unbroken, tiny_weights, tmp_path, seed):
    """Ten runs, each killed twice."""
    command = words(videos, tmp_path / "out", tiny_weights)
    assert_kills_leave_nothing_different(command, tmp_path / "out", unbroken, seed)


def test_prefetched_items_come_in_order_and_errors_in_their_place():
    def items():
        yield from range(20)
        raise InputError("here")

    seen = []
    with pytest.raises(InputError, match="here"):
        for item in prefetch(items(), 3):
            seen.append(item)
    assert seen == list(range(20))


def test_prefetch_makes_no_more_than_its_depth_and_ends_its_thread():
    made = []

    def items():
        try:
            for number in range(100):
                made.append(number)
                yield number
        finally:
            made.append("closed")

    before = threading.active_count()
    stream = prefetch(items(), 4)
    assert next(stream) == 0
    time.sleep(0.05)
    assert len(made) <= 6
    stream.close()
    assert threading.active_count() == before and made[-1] == "closed"


def test_batches_are_the_same_with_and_without_decoding_ahead(videos, tiny_weights, unbroken, tmp_path):
    """The detector sees the same batches whoever decodes, so its numbers are the same to the bit."""
    from fommvg_lib.extraction import clip_squares
    from fommvg_lib.generate import extract_motion

    model = load_frame_generator(tiny_weights)
    motion = extract_motion(model, list(clip_squares(videos / "6.mp4", 32)), 4)
    (tmp_path / "6.safetensors").write_bytes(unbroken["6.safetensors"])
    stored = load_motion(tmp_path / "6.safetensors").motion
    np.testing.assert_array_equal(stored.vectors().numpy(), motion.vectors().numpy())


def test_rows_are_clips_and_posters_are_not(tiny_weights, tmp_path):
    frames = {name: render_clip(0, 0, count, 32).frames for name, count in (("a", 3), ("b", 4))}
    for name, clip in frames.items():
        write_image(tmp_path / "rows" / f"{name}.png", np.concatenate(list(clip), axis=1))
    write_video(tmp_path / "both" / "c.mp4", frames["a"], 25)
    write_image(tmp_path / "both" / "poster.jpg", frames["a"][0])
    write_image(tmp_path / "both" / "row.png", np.concatenate(list(frames["b"]), axis=1))
    assert [path.name for path in find_clips(tmp_path / "rows")] == ["a.png", "b.png"]
    assert [path.name for path in find_clips(tmp_path / "both")] == ["c.mp4"]  # so no picture is a row
    (tmp_path / "both" / "poster.jpg").unlink()
    assert [path.name for path in find_clips(tmp_path / "both")] == ["c.mp4", "row.png"]
    model = load_frame_generator(tiny_weights)
    result = extract_folder(model, tmp_path / "rows", tmp_path / "out")
    assert not result.rejected
    for name, clip in frames.items():
        write_video(f"{tmp_path}/folders/{name}/", clip, 25)
        there = load_motion(tmp_path / "out" / f"{name}.safetensors")
        alone = tmp_path / "alone" / name
        extract_folder(model, tmp_path / "folders" / name, alone)
        wanted = load_motion(next(alone.iterdir()))
        assert len(there) == len(clip) and torch.equal(there.motion.value, wanted.motion.value)
