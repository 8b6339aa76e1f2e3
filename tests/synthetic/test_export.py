"""The synthetic heads as a clip folder."""

import numpy as np
import pytest

from fommvg_lib.clips import ClipFolder
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import LANDMARK_NAMES, render_clip, write_clip_folder


def test_png_folder_comes_back_exactly_with_its_truth(tmp_path):
    sizes = {"clips_per_identity": 2, "num_frames": 5, "size": 32}
    paths = write_clip_folder(tmp_path / "set", 2, 1, **sizes, format="png")
    assert [path.relative_to(tmp_path).as_posix() for path in paths[:2]] == [
        "set/train/0000#000.mp4",
        "set/train/0000#001.mp4",
    ]
    assert (paths[0] / "0000004.png").is_file()
    clips = ClipFolder(tmp_path / "set", "train")
    assert clips.names == ["0000#000", "0000#001", "0001#000", "0001#001"] and clips.size == 32
    head = render_clip(1, 1, 5, 32)
    np.testing.assert_array_equal(clips.frames(3, range(5)), head.frames)
    truth = np.load(tmp_path / "set/truth/0001#001.npz", allow_pickle=False)
    np.testing.assert_array_equal(truth["landmarks"], head.landmarks)
    np.testing.assert_array_equal(truth["visibility"], head.visibility)
    np.testing.assert_array_equal(truth["parameters"], head.parameters)
    assert tuple(truth["landmark_names"]) == LANDMARK_NAMES and truth["fps"] == 25


def test_mp4_folder_comes_back_nearly_with_its_rate(tmp_path):
    write_clip_folder(tmp_path, 1, 1, num_frames=12, size=64, fps=20)
    clips = ClipFolder(tmp_path, "test")
    assert clips.names == ["1000#000"] and clips.num_frames(0) == 12 and clips.fps(0) == pytest.approx(20)
    truth = render_clip(1000, 0, 12, 64, fps=20).frames
    grey = (clips.frames(0, range(12)).astype(float) - truth) @ [0.299, 0.587, 0.114]
    assert np.abs(grey).mean() < 3  # colours are halved in resolution by yuv420p, brightness is not


def test_bad_requests_are_refused(tmp_path):
    with pytest.raises(InputError, match="webm"):
        write_clip_folder(tmp_path, 1, 1, format="webm")
    with pytest.raises(InputError, match="5000"):
        write_clip_folder(tmp_path, 5000, 1)
    assert not any(tmp_path.iterdir())
