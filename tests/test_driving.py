"""A driving video is cut in time and space, and can be read again."""

import numpy as np
import pytest

from fommvg_lib.driving import DrivingVideo
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("driving") / "clip.mp4"
    write_video(path, render_clip(0, 0, num_frames=20, size=64).frames, 25)
    return path


def test_frames_come_in_size_and_again(clip):
    driver = DrivingVideo(clip, 32, "none")
    first, second = list(driver.frames()), list(driver.frames())
    assert len(first) == driver.num_frames == 20 and first[0].shape == (32, 32, 3)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert (driver.fps, driver.has_audio, driver.remark) == (25.0, False, None)


def test_a_cut_leaves_the_number_of_frames_open(clip):
    driver = DrivingVideo(clip, 32, "center", start_s=0.2, end_s=0.6)
    assert driver.num_frames is None and len(list(driver.frames())) == 10


def test_a_missing_face_is_remarked(clip, tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((3, 64, 64, 3), 90, np.uint8), 25)
    assert "no face was found" in DrivingVideo(tmp_path / "grey.mp4", 32, "face").remark


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.mp4"):
        DrivingVideo(tmp_path / "none.mp4", 32)
