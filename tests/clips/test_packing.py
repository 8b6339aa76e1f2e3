"""Packed clips: the same frames as from the folder, whole or not at all, made again only when needed."""

import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fommvg_lib.clips import ClipFolder, FramePairs, fingerprint
from fommvg_lib.clips.packed import FRAMES, INDEX, read_index
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.config.data import FrameDataConfig
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video

SCRIPT = Path(__file__).resolve().parents[2] / "data_prep" / "pack.py"


def heads(person: int, num_frames: int = 5, size: int = 32) -> np.ndarray:
    return render_clip(person, 0, num_frames, size).frames


def write_grey(path: Path, frames: np.ndarray) -> None:
    write_video(path, frames[..., :1].repeat(3, axis=-1), 25)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Every form of clip, in train and test: a video, a wide video, pictures, a strip, a grey video."""
    root = tmp_path / "clips"
    write_video(root / "train/a#0.mp4", heads(0), 20)
    write_video(root / "train/b#0.mp4", np.pad(heads(1), ((0, 0), (0, 0), (8, 24), (0, 0))), 25)
    write_video(root / "train/c#0.mp4/", heads(2), 1)
    write_image(root / "train/d#0.png", np.concatenate(list(heads(3)), axis=1))
    write_grey(root / "test/e#0.mp4", heads(4, 7))
    return root


def test_packed_frames_are_exactly_those_of_the_folder(folder, tmp_path):
    index, is_new = pack_clips(folder, tmp_path / "packed")
    assert is_new and index.size == 32 and [clip.channels for clip in index.clips] == [3, 3, 3, 3, 1]
    for split, num_clips in (("train", 4), ("test", 1), ("all", 5)):
        plain, packed = ClipFolder(folder, split), ClipFolder(tmp_path / "packed", split)
        assert len(plain) == num_clips and plain.names == packed.names and plain.size == packed.size
        assert fingerprint(plain) == fingerprint(packed)
        for number in range(num_clips):
            count = plain.num_frames(number)
            assert packed.num_frames(number) == count and packed.fps(number) == plain.fps(number)
            wanted = [*range(count), 0, count - 1]
            np.testing.assert_array_equal(packed.frames(number, wanted), plain.frames(number, wanted))
        with pytest.raises(IndexError):
            packed.frames(0, [99])


def test_packed_at_another_size_is_the_folder_at_that_size(folder, tmp_path):
    pack_clips(folder, tmp_path / "packed", 24)
    plain, packed = ClipFolder(folder, "all", 24), ClipFolder(tmp_path / "packed", "all")
    requests = [(number, frame) for number in range(5) for frame in (4, 0)]
    np.testing.assert_array_equal(packed.frames_at(requests), plain.frames_at(requests))
    small = ClipFolder(tmp_path / "packed", "all", 16).frames(0, [1])
    assert small.shape == (1, 16, 16, 3)


def test_training_pairs_are_the_same(folder, tmp_path):
    pack_clips(folder, tmp_path / "packed")
    for channels in (1, 3):
        batches = [
            FramePairs(ClipFolder(root, "train"), FrameDataConfig(), 0, channels).batch(1, 6)
            for root in (folder, tmp_path / "packed")
        ]
        assert torch.equal(batches[0]["source"], batches[1]["source"])
        assert torch.equal(batches[0]["driving"], batches[1]["driving"])


def test_a_plain_folder_is_split_alike_and_the_map_stays_behind(tmp_path):
    for person in range(6):
        write_video(tmp_path / "clips" / f"id{person}#0.mp4", heads(person, 3), 25)
    pack_clips(tmp_path / "clips", tmp_path / "packed")
    for split in ("train", "test", "all"):
        plain, packed = (
            ClipFolder(tmp_path / "clips", split, seed=3),
            ClipFolder(tmp_path / "packed", split, seed=3),
        )
        assert plain.names == packed.names
    expected = packed.frames(2, [1])
    stored = pickle.dumps(packed)
    assert len(stored) < 10_000
    np.testing.assert_array_equal(pickle.loads(stored).frames(2, [1]), expected)
    with pytest.raises(ValueError, match="read-only"):
        packed._pack.reader(packed._packed[0])._frames[0] = 0


def test_packing_again_does_nothing_until_something_changed(folder, tmp_path):
    out = tmp_path / "packed"
    first, _ = pack_clips(folder, out)
    before = (out / FRAMES).stat()
    again, is_new = pack_clips(folder, out)
    assert not is_new and again == first and (out / FRAMES).stat().st_ino == before.st_ino
    assert pack_clips(folder, out, size=24)[1] and not pack_clips(folder, out, size=24)[1]
    write_video(folder / "train/f#0.mp4", heads(5), 25)
    grown, is_new = pack_clips(folder, out)
    assert is_new and len(grown.clips) == 6
    with (out / FRAMES).open("r+b") as stream:
        stream.write(b"\0\0\0")
    with pytest.raises(InputError, match="is damaged"):
        read_index(out).verify()
    mended, is_new = pack_clips(folder, out)
    assert is_new and mended.frames_hash == grown.frames_hash
    mended.verify()


def test_clips_that_cannot_be_read_are_listed(folder, tmp_path):
    good = (folder / "train/a#0.mp4").read_bytes()
    (folder / "train/cut.mp4").write_bytes(good[: len(good) // 2])
    (folder / "train/empty.mp4").touch()
    (folder / "train/torn.png").write_bytes((folder / "train/d#0.png").read_bytes()[:20])
    clean, _ = pack_clips(folder, tmp_path / "packed")
    assert sorted(clean.rejected) == ["train/cut.mp4", "train/empty.mp4", "train/torn.png"]
    listed = (tmp_path / "packed/rejected.csv").read_text().splitlines()
    assert len(listed) == 4 and "cut off" in listed[1] + listed[2] + listed[3]
    assert len(clean.clips) == 5
    clean.verify()
    assert not pack_clips(folder, tmp_path / "packed")[1]


def test_what_cannot_be_packed_is_one_line(folder, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/x.mp4").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear reader")
    pack_clips(folder, tmp_path / "packed")
    for root, out, reason in (
        ("missing", "out", "no such folder"),
        ("none", "out", "holds no clips"),
        ("bad", "out", "none of its clips can be read"),
        ("clips", "full", "holds other things"),
        ("clips", "clips/out", "lies in the folder"),
        ("packed", "out", "is packed already"),
    ):
        with pytest.raises(InputError, match=reason):
            pack_clips(tmp_path / root, tmp_path / out)
        assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "clips", "full", "none", "packed"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda index: index.pop("clips"), "is no index"),
        (lambda index: index.update(format="other"), "is no index"),
        (lambda index: index.update(size=64), "is no index"),
        (lambda index: index["clips"][1].update(start=0), "is no index"),
        (lambda index: index["clips"][0].update(num_frames=-5), "is no index"),
        (lambda index: index["clips"][0].update(fps=float("nan")), "is no index"),
        (lambda index: index["clips"].clear(), "it lists no clip"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(folder, tmp_path, change, reason):
    pack_clips(folder, tmp_path / "packed")
    path = tmp_path / "packed" / INDEX
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match=reason) as caught:
        ClipFolder(tmp_path / "packed", "all")
    assert "\n" not in str(caught.value)


def test_frames_of_another_length_are_refused(folder, tmp_path):
    pack_clips(folder, tmp_path / "packed")
    data = (tmp_path / "packed" / FRAMES).read_bytes()
    (tmp_path / "packed" / FRAMES).write_bytes(data[:-1])
    with pytest.raises(InputError, match="bytes"):
        ClipFolder(tmp_path / "packed", "all")


def load_command():
    spec = importlib.util.spec_from_file_location("pack", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_packs_and_checks(folder, tmp_path, capsys):
    main, out = load_command().main, tmp_path / "packed"
    words = ["--data", str(folder), "--out", str(out)]
    assert main(words) == 0 and "packed 5 clips, 27 frames at 32 px" in capsys.readouterr().out
    assert main(words) == 0 and "already packed" in capsys.readouterr().out
    assert main(["--check", "--out", str(out)]) == 0 and "intact" in capsys.readouterr().out
    (out / FRAMES).write_bytes(bytes((out / FRAMES).stat().st_size))
    assert main(["--check", "--out", str(out)]) == 2
    failed = capsys.readouterr().err
    assert len(failed.splitlines()) == 1 and "damaged" in failed


def test_pictures_that_are_no_rows_are_listed(folder, tmp_path):
    write_image(folder / "train" / "poster.jpg", np.zeros((20, 33, 3), np.uint8))
    index, _ = pack_clips(folder, tmp_path / "packed")
    assert list(index.rejected) == ["train/poster.jpg"] and len(index.clips) == 5
    assert "no row of square frames" in (tmp_path / "packed" / "rejected.csv").read_text()
    assert not pack_clips(folder, tmp_path / "packed")[1]
