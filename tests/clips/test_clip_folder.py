"""Clip folders: what counts as a clip, splits, seeking, resizing, caching."""

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fommvg_lib.clips import ClipFolder, SyntheticClips, folder, open_clips
from fommvg_lib.clips.layout import choose_held_out
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video

HEADS = render_clip(3, 0, 6, 32).frames


def write_frames(path: Path, frames: np.ndarray = HEADS) -> None:
    for number, frame in enumerate(frames):
        write_image(path / f"{number:03d}.png", frame)


@pytest.fixture
def plain(tmp_path) -> Path:
    """Ten identities with two clips each, as folders of pictures."""
    for identity in range(10):
        for clip in range(2):
            folder = tmp_path / f"id{identity}#{clip}.mp4"
            folder.mkdir()
            for number, frame in enumerate(render_clip(identity, clip, 3, 32).frames):
                Image.fromarray(frame).save(folder / f"{number}.png")
    return tmp_path


def test_every_form_of_clip_is_read(tmp_path):
    write_frames(tmp_path / "a_folder")
    write_frames(tmp_path / "b_folder.mp4")
    write_image(tmp_path / "c_strip.png", np.concatenate(list(HEADS), axis=1))
    for ending in ("mp4", "mov", "avi", "webm", "mkv", "gif"):
        path = tmp_path / f"v_{ending}.{ending}"
        if ending in ("mp4", "webm", "gif"):
            write_video(path, HEADS, 20)
        else:
            encode(path)
    write_image(tmp_path / "poster.png", HEADS[0])  # one square picture is no clip
    (tmp_path / "notes.txt").write_text("no clip either")
    clips = ClipFolder(tmp_path, "all")
    videos = [f"v_{ending}" for ending in ("avi", "gif", "mkv", "mov", "mp4", "webm")]
    assert clips.names == ["a_folder", "b_folder", "c_strip", *videos]
    assert clips.size == 32
    for index, name in enumerate(clips.names):
        assert clips.num_frames(index) == 6, name
        got = clips.frames(index, [5, 0, 0, 3])
        assert got.shape == (4, 32, 32, 3) and got.dtype == np.uint8
        difference = np.abs(got.astype(float) - HEADS[[5, 0, 0, 3]]).mean()
        assert difference == 0 if index < 3 else difference < 16, name
        assert clips.fps(index) == pytest.approx(25 if index < 3 else 20, rel=0.01)


def encode(path: Path) -> None:
    """Write `HEADS` at 20 frames a second into a container that the library reads but does not write."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20, options={"qscale": "2"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for pixels in HEADS:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def test_train_and_test_folders_are_taken_as_they_are(tmp_path):
    for name in ("train/a#1", "train/b#1", "test/c#1"):
        write_frames(tmp_path / name)
    assert ClipFolder(tmp_path, "train").names == ["a#1", "b#1"]
    assert ClipFolder(tmp_path, "test").names == ["c#1"]
    assert ClipFolder(tmp_path, "all").names == ["a#1", "b#1", "c#1"]
    assert ClipFolder(tmp_path, "test").identity(0) == "c"


def test_plain_folder_is_split_by_identity(plain):
    train, test, everything = (ClipFolder(plain, split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(everything)) == (16, 4, 20)
    people = [{clips.identity(i) for i in range(len(clips))} for clips in (train, test)]
    assert people[0].isdisjoint(people[1]) and len(people[1]) == 2
    assert sorted(train.names + test.names) == everything.names
    assert ClipFolder(plain, "test").names == test.names


@given(st.lists(st.text("abcd", min_size=1, max_size=4), min_size=2, max_size=40), st.integers(0, 9))
def test_held_out_identities_are_a_fifth_whatever_the_order(names, seed):
    people = set(names)
    held_out = choose_held_out(names, seed)
    assert held_out <= people
    assert len(held_out) == (-(-len(people) // 5) if len(people) > 1 else 0)
    assert choose_held_out(names[::-1] + names, seed) == held_out


@pytest.mark.parametrize("cache", [None, "memory", "auto"])
def test_cache_does_not_change_frames(plain, cache):
    clips = ClipFolder(plain, "all", size=24, cache=cache)
    reference = ClipFolder(plain, "all", size=24)
    for index in (0, 5, 0):
        np.testing.assert_array_equal(clips.frames(index, [2, 0]), reference.frames(index, [2, 0]))
    assert len(clips._kept) == (0 if cache is None else 2)


def test_auto_cache_keeps_nothing_of_a_set_above_its_limit(plain, monkeypatch):
    monkeypatch.setattr(folder, "AUTO_CACHE_BYTES", 20 * 3 * 32 * 32 * 3)
    assert not ClipFolder(plain, "all", cache="auto")._keeps_clips
    monkeypatch.setattr(folder, "AUTO_CACHE_BYTES", 20 * 3 * 32 * 32 * 3 + 1)
    assert ClipFolder(plain, "all", cache="auto")._keeps_clips


def test_frames_of_several_clips_come_in_the_order_asked_for(plain):
    clips = ClipFolder(plain, "all")
    requests = [(4, 1), (0, 2), (4, 0), (0, 2)]
    expected = np.concatenate([clips.frames(index, [frame]) for index, frame in requests])
    np.testing.assert_array_equal(clips.frames_at(requests), expected)


def test_the_middle_of_a_wide_frame_is_kept(tmp_path):
    wide = np.zeros((2, 20, 60, 3), np.uint8)
    wide[:, :, 20:40] = 200
    write_frames(tmp_path / "wide", wide)
    clips = ClipFolder(tmp_path, "all")
    assert clips.size == 20 and (clips.frames(0, [0, 1]) == 200).all()
    tall = ClipFolder(tmp_path, "all", size=10).frames(0, [1])
    assert tall.shape == (1, 10, 10, 3) and tall[:, :, 2:-2].min() >= 195


def test_more_clips_than_open_files_and_another_process(plain, monkeypatch):
    monkeypatch.setattr(folder, "_MAX_OPEN_READERS", 2)
    clips = ClipFolder(plain, "all")
    first = [clips.frames(index, [1]) for index in range(len(clips))]
    assert len(clips._readers) == 2
    copy = pickle.loads(pickle.dumps(clips))
    for index in range(len(clips)):
        np.testing.assert_array_equal(copy.frames(index, [1]), first[index])


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    write_frames(tmp_path / "only_train/train/a#0")
    write_frames(tmp_path / "only_test/test/a#0")
    write_frames(tmp_path / "one/a#0")
    write_frames(tmp_path / "one/a#1")
    write_frames(tmp_path / "twice/a")
    write_frames(tmp_path / "twice/a.mp4")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/x.png").write_bytes(b"")
    cases = [
        ("missing", "train", "no such folder"),
        ("empty", "train", "holds no clips"),
        ("only_train", "test", "no test folder"),
        ("only_train", "all", "no test folder"),
        ("only_test", "train", "no train folder"),
        ("one", "train", "one identity only"),
        ("twice", "all", "two clips are called a"),
        ("bad", "all", "no readable picture"),
        ("one", "validation", "validation"),
    ]
    for name, split, reason in cases:
        with pytest.raises(InputError, match=reason) as caught:
            ClipFolder(tmp_path / name, split)
        assert "\n" not in str(caught.value)
    assert len(ClipFolder(tmp_path / "one", "all")) == 2
    assert len(ClipFolder(tmp_path / "only_test", "test")) == 1
    with pytest.raises(IndexError):
        ClipFolder(tmp_path / "one", "all").frames(0, [6])
    with pytest.raises(ValueError, match="disk"):
        ClipFolder(tmp_path / "one", "all", cache="disk")


def test_open_clips_knows_the_synthetic_set_and_folders(plain):
    assert isinstance(open_clips("synthetic", "test", 32), SyntheticClips)
    clips = open_clips(plain, "train", 24)
    assert isinstance(clips, ClipFolder) and clips.size == 24 and clips._keeps_clips


def test_synthetic_clips_are_the_rendered_ones():
    clips = SyntheticClips("test", 48, num_frames=9, seed=3, num_identities=4, clips_per_identity=2)
    assert len(clips) == 8 and clips.names[3] == "1001#001" and clips.identity(3) == "1001"
    assert clips.num_frames(3) == 9 and clips.fps(3) == 25
    np.testing.assert_array_equal(clips.frames(3, [8, 2]), render_clip(1001, 1, 9, 48, seed=3).frames[[8, 2]])
    np.testing.assert_array_equal(clips.frames_at([(3, 8), (0, 1)])[0], clips.frames(3, [8])[0])
    with pytest.raises(IndexError):
        clips.frames(0, [9])
    for wrong in ({"split": "dev"}, {"size": 16}, {"num_identities": 5000}, {"num_frames": 0}):
        with pytest.raises(InputError):
            SyntheticClips(**wrong)
    both = SyntheticClips("all", 32, num_identities=2)
    assert both.names == ["0000#000", "0001#000", "1000#000", "1001#000"]


def test_what_is_no_clip_is_named(tmp_path, capsys):
    for name in ("a#0", "b#0"):
        write_frames(tmp_path / "train" / name)
        write_image(tmp_path / "train" / f"{name}.jpg", np.zeros((20, 33, 3), np.uint8))
    (tmp_path / "train" / "notes.txt").write_text("")
    (tmp_path / "train" / ".hidden").write_text("")
    clips = open_clips(tmp_path, "train", 16)
    said = capsys.readouterr().err
    assert clips.names == ["a#0", "b#0"]
    assert "no clips, passed over: a#0.jpg, b#0.jpg, notes.txt" in said and len(said.splitlines()) == 1
    for number in range(9):
        (tmp_path / "train" / f"z{number}.txt").write_text("")
    open_clips(tmp_path, "train", 16)
    assert "z0.txt, z1.txt and 7 more" in capsys.readouterr().err
