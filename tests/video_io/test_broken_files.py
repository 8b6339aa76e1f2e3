"""Files that are not what they claim: one line that names the file, and the frame where there is one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader, probe, read_frames, read_video, write_video
from tests.video_io.clips import numbered_frame, read_number, write_clicks, write_clip

FAST_START = {"movflags": "+faststart"}


def error_of(call, path: Path) -> str:
    with pytest.raises(InputError) as caught:
        call(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    short = path.with_name(f"cut{path.suffix}")
    short.write_bytes(data[: int(len(data) * share)])
    return short


def damage(path: Path) -> None:
    """Overwrite 300 bytes in the middle of the pictures' data."""
    data = bytearray(path.read_bytes())
    middle = (data.index(b"mdat") + data.index(b"moov")) // 2
    data[middle : middle + 300] = random.Random(0).randbytes(300)
    path.write_bytes(data)


def test_what_is_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("good morning\n" * 99)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "nothing").mkdir()
    Image.fromarray(numbered_frame(0)).save(tmp_path / "picture.png")
    Image.fromarray(numbered_frame(0)).save(tmp_path / "picture.jpg")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "list2.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    write_clicks(tmp_path / "sound.wav", "pcm_s16le", seconds=1, with_video=False)
    write_clicks(tmp_path / "sound.mp4", "aac", seconds=1, with_video=False)
    for name, reason in {
        "text.mp4": "no video",
        "empty.mp4": "empty",
        "nothing": "no pictures",
        "missing.mp4": "no such file",
        "picture.png": "no video",
        "picture.jpg": "no video",
        "list.mp4": "no video",
        "list2.mp4": "no video",
        "sound.wav": "no video",
        "sound.mp4": "no video",
    }.items():
        for call in (probe, read_frames, FrameReader):
            assert reason in error_of(call, tmp_path / name)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.97])
@pytest.mark.parametrize(
    ("name", "codec", "container_options"),
    [
        ("a.mp4", "libx264", FAST_START),
        ("a.mov", "libx264", {}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
        ("a.avi", "mpeg4", {}),
    ],
)
def test_cut_off_file_is_never_silently_shorter(tmp_path, name, codec, container_options, share):
    whole = write_clip(tmp_path / name, codec, container_options=container_options)
    assert len(read_video(whole)) == 40
    message = error_of(probe, cut(whole, share))
    assert "cut off" in message
    assert "cut off" in error_of(read_video, tmp_path / f"cut{whole.suffix}")


def test_cut_off_mp4_names_the_first_lost_frame(tmp_path):
    whole = write_clip(tmp_path / "a.mp4", container_options=FAST_START)
    number = int(error_of(probe, cut(whole, 0.7)).split("first lost frame is ")[1].split(" of 40")[0])
    assert 0 < number < 40


def test_mp4_without_its_index_says_so(tmp_path):
    data = write_clip(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"moov") - 4])
    assert "index (the moov box) is missing" in error_of(probe, tmp_path / "cut.mp4")


def test_cut_off_gif_is_an_error(tmp_path):
    write_video(tmp_path / "a.gif", [numbered_frame(k) for k in range(12)], 10)
    for share in (0.3, 0.6, 0.95):
        assert "cut off" in error_of(probe, cut(tmp_path / "a.gif", share))


def test_cut_off_mpg_is_an_error(tmp_path):
    whole = write_clip(tmp_path / "a.mpg", "mpeg2video", options={"b": "3000000"})
    data = whole.read_bytes()
    middle = data.index(b"\x00\x00\x01\xe0", len(data) // 2) + 600
    (tmp_path / "cut.mpg").write_bytes(data[:middle])
    error_of(read_video, tmp_path / "cut.mpg")


@pytest.mark.parametrize("threads", [1, 2])
def test_damage_in_the_middle_names_the_frame(tmp_path, threads):
    path = write_clip(tmp_path / "a.mp4", options={"bf": "0", "g": "250", "crf": "3"})
    damage(path)
    seen = []

    def read(damaged: Path) -> None:
        for frame in read_frames(damaged, threads=threads):
            seen.append(read_number(frame))

    message = error_of(read, path)
    assert seen == list(range(len(seen))) and 0 < len(seen) < 40
    assert f"frame {len(seen)} of 40" in message


def test_damage_is_reported_again_on_the_next_try(tmp_path):
    path = write_clip(tmp_path / "a.mp4", options={"bf": "0", "g": "10", "crf": "3"})
    damage(path)
    with FrameReader(path) as reader:
        good, bad = [], []
        for number in range(40):
            try:
                assert read_number(reader.frames([number])[0]) == number
                good.append(number)
            except InputError:
                bad.append(number)
    assert bad and bad[-1] < 39 and good[0] == 0 and good[-1] == 39


def test_rubbish_behind_a_whole_mp4_is_ignored(tmp_path):
    path = write_clip(tmp_path / "a.mp4", num_frames=5)
    path.write_bytes(path.read_bytes() + b"\x00" * 11 + b"\xff" * 9)
    assert len(read_video(path)) == 5
