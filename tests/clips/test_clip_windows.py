"""Windows of consecutive frames: which frames and clips, and that the item's number alone decides."""

import numpy as np
import pytest
import torch

from fommvg_lib.clips import ClipWindows
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.files import InputError
from fommvg_lib.share import Share
from tests.clips.test_frame_pairs import CountingClips

STILL = FrameDataConfig(augmentation=AugmentationConfig(time_flip=False, horizontal_flip=False))
BACKWARDS = FrameDataConfig(augmentation=AugmentationConfig(time_flip=True, horizontal_flip=False))


class UnequalClips(CountingClips):
    """Clip i has 4 + i frames."""

    def num_frames(self, index):
        return 4 + index


def moments(windows: ClipWindows, count: int = 24) -> np.ndarray:
    """(count, T) frame numbers."""
    return (windows.batch(0, count)["clip"][:, :, 1, 0, 0] * 255).round().int().numpy()


@pytest.mark.parametrize("stride", [1, 3])
def test_a_window_holds_frames_of_one_clip_evenly_apart(stride):
    windows = ClipWindows(CountingClips(), STILL, 1, 4, stride)
    assert windows.batch(0, 5)["clip"].shape == (5, 4, 3, 2, 2)
    assert (np.diff(moments(windows), axis=1) == stride).all()
    starts = moments(windows, 96)[:, 0]
    assert (starts.min(), starts.max()) == (0, 10 - 1 - 3 * stride)


def test_half_of_the_windows_are_played_backwards_if_asked_for():
    steps = np.diff(moments(ClipWindows(CountingClips(), BACKWARDS, 1, 4), 96), axis=1)[:, 0]
    assert set(steps) == {-1, 1} and 0.3 < (steps == 1).mean() < 0.7


def test_clips_that_are_too_short_are_named_and_left_out():
    windows = ClipWindows(UnequalClips(), STILL, 0, 8)
    assert windows.left_out == ["0#0", "0#1", "0#2", "1#3"] and len(windows) == 8
    assert not set(windows.left_out) & set(windows.batch(0, 24)["name"])
    with pytest.raises(InputError, match="16 frames .* the longest has 15"):
        ClipWindows(UnequalClips(), STILL, 0, 16)


def test_shares_of_a_batch_are_its_parts():
    windows = ClipWindows(CountingClips(), BACKWARDS, 3, 4)
    whole = windows.batch(2, 6)["clip"]
    parts = [windows.batch(2, 6, Share(index, 2))["clip"] for index in range(2)]
    assert torch.equal(torch.cat(parts), whole)
