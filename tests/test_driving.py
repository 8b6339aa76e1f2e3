"""A driving video is cut in time and space, upright, at a constant rate, and can be read again."""

import numpy as np
import pytest

from fommvg_lib.crop import CropBox
from fommvg_lib.driving import DrivingVideo
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import read_video, write_video
from tests.video_io.clips import HEIGHT, WIDTH, read_number, set_display_matrix, write_clip

WHOLE = CropBox(0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("driving") / "clip.mp4"
    write_video(path, render_clip(0, 0, num_frames=20, size=64).frames, 25)
    return path


def numbers(driver):
    """Which frames of a numbered clip come, read off the whole frames that the driver cuts from."""
    return [read_number(frame) for frame in driver._whole_frames()]


def test_frames_come_in_size_and_again(clip):
    driver = DrivingVideo(clip, 32, "none")
    first, second = list(driver.frames()), list(driver.frames())
    assert len(first) == driver.num_frames == 20 and first[0].shape == (32, 32, 3)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert (driver.fps, driver.has_audio, driver.remark) == (25.0, False, None)
    assert next(driver.frames(48)).shape == (48, 48, 3)


@pytest.mark.parametrize(
    ("cut", "count"),
    [
        ({"start_s": 0.2, "end_s": 0.6}, 10),
        ({"start_s": 0.2}, 15),
        ({"fps": 10}, 8),
        ({"fps": 50}, 40),
        ({"start_s": 0.2, "end_s": 0.6, "fps": 10}, 4),
    ],
)
def test_a_cut_or_another_rate_is_counted(clip, cut, count):
    driver = DrivingVideo(clip, 32, "center", **cut)
    assert driver.num_frames == len(list(driver.frames())) == count
    assert driver.fps == cut.get("fps", 25)


def test_of_a_varying_rate_the_frame_nearest_in_time_is_shown(tmp_path):
    """20 frames 20 ms apart, then 10 that are 80 ms apart: 1.2 s, 25 a second in the mean."""
    times = [2 * number for number in range(20)] + [40 + 8 * number for number in range(10)]
    path = write_clip(tmp_path / "varying.mp4", num_frames=30, times=times)
    driver = DrivingVideo(path, 16, WHOLE, fps=25)
    shown = numbers(driver)
    assert driver.num_frames == len(shown) == 30
    for tick, number in enumerate(shown):
        assert abs(times[number] - 4 * tick) == min(abs(time - 4 * tick) for time in times)
    own = DrivingVideo(path, 16, WHOLE)
    assert own.num_frames / own.fps == pytest.approx(1.2, abs=1 / own.fps)


@pytest.mark.parametrize(
    ("matrix", "turns"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1), ((1, 0, 0, 1), 0)]
)
def test_a_phones_rotation_is_applied_before_the_crop(tmp_path, matrix, turns):
    path = write_clip(tmp_path / "phone.mp4", num_frames=2)
    stored = read_video(path)[0]
    set_display_matrix(path, *matrix)
    upright = np.rot90(stored, turns)
    height, width = upright.shape[:2]
    driver = DrivingVideo(path, 16, "center")
    side = min(height, width)
    assert (driver.box.width, driver.box.height) == (side, side)
    box = CropBox(3, 5, 16, 16)
    cut = next(DrivingVideo(path, 16, box).frames())
    assert np.abs(cut.astype(int) - upright[5:21, 3:19]).max() <= 2


def test_a_folder_of_frames_has_the_rate_asked_for(clip, tmp_path):
    write_video(f"{tmp_path}/frames/", read_video(clip)[:6], 25)
    assert DrivingVideo(tmp_path / "frames", 32, "none").fps == 25
    driver = DrivingVideo(tmp_path / "frames", 32, "none", fps=10, start_s=0.1)
    assert (driver.fps, driver.num_frames) == (10, 5)


def test_a_missing_face_is_remarked(clip, tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((3, 64, 64, 3), 90, np.uint8), 25)
    assert "no face was found" in DrivingVideo(tmp_path / "grey.mp4", 32, "face").remark


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.mp4"):
        DrivingVideo(tmp_path / "none.mp4", 32)


NAN, FOREVER = float("nan"), float("inf")


@pytest.mark.parametrize(
    "cut",
    [
        *({"fps": fps} for fps in (0, -5, NAN, FOREVER, 1e9)),
        *({"start_s": start} for start in (-1, 0.8, 9, NAN, FOREVER)),
        *({"end_s": end} for end in (-1, 0, 9, NAN, FOREVER)),
        {"start_s": 0.5, "end_s": 0.5},
        {"start_s": 0.6, "end_s": 0.2},
    ],
)
def test_times_and_rates_that_mean_nothing_are_refused_by_name(clip, tmp_path, cut):
    with pytest.raises(InputError, match="clip.mp4: ") as caught:
        DrivingVideo(clip, 32, "none", **cut)
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused_at_a_rate_that_means_nothing(clip, tmp_path):
    write_video(f"{tmp_path}/frames/", read_video(clip)[:2], 25)
    for fps in (0, -1, NAN):
        with pytest.raises(InputError, match="frames a second"):
            DrivingVideo(tmp_path / "frames", 32, "none", fps=fps)


def test_a_box_outside_is_refused_with_the_videos_name(clip):
    with pytest.raises(InputError, match=r"clip.mp4: crop 60,0,32,32: reaches outside"):
        DrivingVideo(clip, 32, CropBox(60, 0, 32, 32))
