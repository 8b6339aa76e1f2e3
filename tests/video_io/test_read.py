"""Reading clips: every frame, the right one, upright, in time."""

from __future__ import annotations

import csv
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fommvg_lib.files import InputError
from fommvg_lib.video_io import FrameReader, probe, read_frames, read_video, write_image
from tests.video_io.clips import (
    HEIGHT,
    REFERENCE,
    WIDTH,
    numbered_frame,
    read_number,
    set_display_matrix,
    write_clicks,
    write_clip,
)

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference clips are not here")
OPEN_GOP = {"g": "8", "bf": "3", "x264-params": "open-gop=1:keyint=8:min-keyint=8:scenecut=0:b-adapt=0"}
KINDS = {
    "open_gop.mp4": ("libx264", OPEN_GOP),
    "b_frames.mkv": ("libx264", {"g": "12", "bf": "3"}),
    "b_frames.avi": ("libx264", {"g": "12", "bf": "3"}),
    "mpeg4.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "motion_jpeg.avi": ("mjpeg", {"strict": "unofficial"}),
    "mpeg2.mpg": ("mpeg2video", {"g": "12", "bf": "2", "b": "2000000"}),
    "transport.ts": ("libx264", {"g": "10", "bf": "2"}),
    "vp8.webm": ("libvpx", {"g": "15", "auto-alt-ref": "1", "lag-in-frames": "16", "b:v": "1M"}),
    "vp9.webm": ("libvpx-vp9", {"g": "15", "lag-in-frames": "16", "b:v": "1M"}),
    "clip.mov": ("libx264", {"g": "250"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_any_frame_sought_equals_the_same_frame_read_in_order(tmp_path, name):
    codec, options = KINDS[name]
    path = write_clip(tmp_path / name, codec, options=options)
    frames = read_video(path)
    assert [read_number(frame) for frame in frames] == list(range(40))
    with FrameReader(path) as reader:
        assert len(reader) == 40 and reader.fps == pytest.approx(25)
        order = np.random.default_rng(0).permutation(40)
        for number in [*order, 39, 0, 38, 39]:
            assert np.array_equal(reader.frames([number])[0], frames[number]), number
        mixed = [7, 3, 3, 39, 20, 21]
        assert np.array_equal(reader.frames(mixed), frames[mixed])
        assert reader.frames([]).shape == (0, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_thread_count_changes_nothing(tmp_path, threads):
    path = write_clip(tmp_path / "a.mp4", options=OPEN_GOP)
    with FrameReader(path, threads=threads) as reader:
        assert [read_number(f) for f in reader.frames([30, 9, 17])] == [30, 9, 17]
    assert [read_number(f) for f in read_frames(path, threads=threads)] == list(range(40))


def test_numbers_outside_the_clip_are_refused(tmp_path):
    with FrameReader(write_clip(tmp_path / "a.mp4", num_frames=5)) as reader:
        for wrong in ([5], [-1]):
            with pytest.raises(IndexError, match="there are 5"):
                reader.frames(wrong)


def test_probe_states_what_the_file_is(tmp_path):
    info = probe(write_clip(tmp_path / "a.mp4"))
    assert (info.num_frames, info.rate, info.height, info.width) == (40, Fraction(25), HEIGHT, WIDTH)
    assert (info.rotation, info.has_audio, info.is_folder) == (0, False, False)
    assert info.duration_s == pytest.approx(1.6)
    assert probe(write_clicks(tmp_path / "b.mp4", "aac")).has_audio


@pytest.mark.parametrize(
    ("matrix", "rotation", "turn"),
    [
        ((0, 1, -1, 0), 90, lambda f: np.rot90(f, -1)),
        ((-1, 0, 0, -1), 180, lambda f: np.rot90(f, 2)),
        ((0, -1, 1, 0), 270, lambda f: np.rot90(f, 1)),
        ((-1, 0, 0, 1), 0, lambda f: f[:, ::-1]),
    ],
)
def test_rotation_metadata_is_applied(tmp_path, matrix, rotation, turn):
    path = write_clip(tmp_path / "a.mp4", num_frames=3)
    stored = read_video(path)
    set_display_matrix(path, *matrix)
    info, shown = probe(path), read_video(path)
    assert info.rotation == rotation
    assert (info.height, info.width) == shown.shape[1:3] == turn(stored[0]).shape[:2]
    assert np.array_equal(shown[2], turn(stored[2]))
    height, width = info.height // 2, info.width // 2
    small = read_video(path, size=(height, width))[2].astype(int)
    plain = turn(read_video(write_clip(tmp_path / "b.mp4", num_frames=3), size=(24, 32))[2])
    assert small.shape == (height, width, 3) and np.abs(small - plain).max() <= 2


def test_oblong_pixels_become_square(tmp_path):
    path = write_clip(tmp_path / "a.mp4", num_frames=2, pixel_ratio=Fraction(3, 2))
    assert probe(path).width == WIDTH * 3 // 2 and read_video(path).shape == (2, HEIGHT, WIDTH * 3 // 2, 3)


def test_colours_come_out_unshifted(tmp_path):
    frames = read_video(write_clip(tmp_path / "a.mp4", options={"crf": "1"}, num_frames=4))
    difference = frames.astype(int) - np.stack([numbered_frame(k) for k in range(4)])
    assert np.abs(difference[:, 10:].mean(axis=(0, 1, 2))).max() < 0.8


def test_times_cut_the_clip(tmp_path):
    path = write_clip(tmp_path / "a.mp4", options={"g": "8"})
    assert [read_number(f) for f in read_frames(path, 0.4, 0.8)] == list(range(10, 20))
    assert [read_number(f) for f in read_frames(path, start_s=1.5)] == [38, 39]
    assert [read_number(f) for f in read_frames(path, end_s=0.05)] == [0, 1]
    for start, end in ((2.0, None), (0.5, 0.5), (None, 60.0), (-1.0, None), (0.41, 0.42)):
        with pytest.raises(InputError, match="a.mp4: .*1.6"):
            read_frames(path, start, end)


def test_rate_is_changed_by_nearest_time(tmp_path):
    path = write_clip(tmp_path / "a.mp4")
    assert [read_number(f) for f in read_frames(path, fps=12.5)] == list(range(0, 40, 2))
    assert [read_number(f) for f in read_frames(path, fps=50)][:6] == [0, 0, 1, 1, 2, 2]
    assert [read_number(f) for f in read_frames(path, fps=25)] == list(range(40))
    assert len(list(read_frames(path, 0.2, 1.2, fps=30))) == 30


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_becomes_constant(tmp_path, name):
    times = [0, 4, 8, 40, 44, 80, 84, 88, 92, 96]
    path = write_clip(tmp_path / name, num_frames=10, times=times)
    assert probe(path).num_frames == len(read_video(path)) == 10
    shown = [read_number(f) for f in read_frames(path, fps=25)]
    nearest = [int(np.argmin(np.abs(np.array(times) - 4 * k) + np.arange(10) * 1e-6)) for k in range(25)]
    assert len(shown) in (24, 25)  # how long the last frame stays is up to the muxer
    assert shown == nearest[: len(shown)]


def test_uneven_gif_becomes_constant(tmp_path):
    pictures = [Image.fromarray(numbered_frame(k)) for k in range(4)]
    pictures[0].save(
        tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 200]
    )
    assert [read_number(f) for f in read_frames(tmp_path / "a.gif")] == [0, 1, 2, 3]
    # The frames begin at 0, 0.1, 0.4 and 0.5 s, the last is shown for 0.2 s; of two equally near the earlier.
    assert [read_number(f) for f in read_frames(tmp_path / "a.gif", fps=10)] == [0, 1, 1, 2, 2, 3, 3]
    assert probe(tmp_path / "a.gif").duration_s == pytest.approx(0.7)


def test_transparent_gif_is_laid_on_white(tmp_path):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.paste(1, (4, 0, 8, 8))
    image.save(
        tmp_path / "a.gif", transparency=0, save_all=True, append_images=[image.transpose(0)], duration=100
    )
    frame = read_video(tmp_path / "a.gif")[0]
    assert frame[0, 0].tolist() == [255, 255, 255] and frame[0, 7].tolist() == [200, 0, 0]


def test_folder_of_frames_is_read_in_natural_order(tmp_path):
    for number in (10, 9, 1, 2, 0):
        write_image(tmp_path / f"frame{number}.png", numbered_frame(number))
    (tmp_path / "notes.txt").write_text("not a frame")
    info = probe(tmp_path, folder_fps=10)
    assert (info.num_frames, info.fps, info.is_folder, info.duration_s) == (5, 10, True, 0.5)
    assert probe(tmp_path).fps == 25
    assert [read_number(f) for f in read_frames(tmp_path)] == [0, 1, 2, 9, 10]
    with FrameReader(tmp_path) as reader:
        assert [read_number(f) for f in reader.frames([4, 0, 3])] == [10, 0, 9]
    assert read_video(tmp_path, size=(20, 30)).shape == (5, 20, 30, 3)


def test_folder_with_frames_of_two_sizes_names_the_odd_one(tmp_path):
    write_image(tmp_path / "0.png", numbered_frame(0))
    write_image(tmp_path / "1.png", numbered_frame(0)[:40])
    with pytest.raises(InputError, match=r"1.png: is 64 x 40, the first frame is 64 x 48"):
        read_video(tmp_path)


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for num_frames in (60, 240):
        path = write_clip(
            tmp_path / f"{num_frames}.mp4", num_frames=num_frames, options={"preset": "ultrafast"}
        )
        tracemalloc.start()
        assert sum(1 for _ in read_frames(path)) == num_frames
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10 * HEIGHT * WIDTH * 3


@needs_reference
@pytest.mark.parametrize(
    "name",
    [
        "raw/raw_vr_1.mp4",
        "raw/raw_asl_book.mkv",
        "raw/raw_clm_cap13.webm",
        "raw/raw_grid_lbax4n.mpg",
        "raw/raw_pet_horse.gif",
        "raw/raw_lia_vox3.mov",
        "cartoon/pet_snail_walk.mp4",
    ],
)
def test_real_clips_have_the_frames_their_list_states(name):
    with (REFERENCE / "clips.csv").open() as stream:
        row = next(r for r in csv.DictReader(stream) if f"{r['folder']}/{r['file']}" == name)
    info = probe(REFERENCE / name)
    frames = [frame[::7, ::7].copy() for frame in read_frames(REFERENCE / name)]
    assert info.num_frames == len(frames) == int(row["frames"])
    assert info.fps == pytest.approx(float(row["fps"]), abs=0.01)
    assert f"{info.width}x{info.height}" == row["size"]
    with FrameReader(REFERENCE / name) as reader:
        for number in (len(frames) - 1, len(frames) // 2):
            assert np.array_equal(reader.frames([number])[0, ::7, ::7], frames[number])
