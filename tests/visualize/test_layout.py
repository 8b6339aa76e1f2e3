"""Layout of frames: every accepted form, exact enlargement, all frames present."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib.visualize import as_frames, enlarge, side_by_side, strip


def clip(num: int, height: int = 6, width: int = 8) -> np.ndarray:
    """Frames whose every pixel is 10 times the frame's number."""
    return np.broadcast_to(10 * np.arange(num, dtype=np.uint8)[:, None, None, None], (num, height, width, 3))


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1), (6, 8, 3), (2, 6, 8, 1), (2, 6, 8, 3)])
def test_each_layout_becomes_rgb_frames(shape: tuple[int, ...]):
    frames = as_frames(np.full(shape, 7, np.uint8))
    assert frames.shape == (shape[0] if len(shape) == 4 else 1, 6, 8, 3)
    assert (frames == 7).all()


def test_a_tensor_is_scaled_and_turned():
    frames = torch.zeros(2, 3, 6, 8)
    frames[1, 0] = 1.0
    pictures = as_frames(frames)
    assert pictures.shape == (2, 6, 8, 3)
    assert pictures[1, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "bad", [np.zeros((6, 8, 3)), np.zeros((2, 6, 8, 4), np.uint8), np.zeros(6, np.uint8)]
)
def test_what_is_no_frame_is_refused(bad: np.ndarray):
    with pytest.raises(ValueError, match="frames must be"):
        as_frames(bad)


def test_enlarging_repeats_pixels():
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarge(frame, 3)
    assert large.shape == (6, 6, 3)
    np.testing.assert_array_equal(large[1::3, 1::3], frame)
    with pytest.raises(ValueError, match="factor"):
        enlarge(frame, 0)


def test_a_strip_shows_first_and_last_frame_of_each_row():
    sheet = strip([clip(20), clip(5)], num=4, gap=2)
    assert sheet.shape == (6 + 2 + 6, 4 * 8 + 3 * 2, 3)
    assert sheet[0, 0, 0] == 0 and sheet[0, -1, 0] == 190
    assert sheet[-1, -1, 0] == 40
    assert (sheet[0, 8:10] == 255).all()


def test_a_single_sequence_is_one_row():
    assert strip(clip(3), num=8).shape == (6, 3 * 8 + 2 * 2, 3)
    assert strip(list(clip(3))).shape == (6, 28, 3)
    np.testing.assert_array_equal(strip([[frame for frame in clip(3)]]), strip(clip(3)))


def test_captions_take_room_and_leave_ink():
    plain, named = strip([clip(3, 40, 60)] * 2), strip([clip(3, 40, 60)] * 2, labels=["real", "made"])
    assert named.shape[0] > plain.shape[0] and named.shape[1] == plain.shape[1]
    assert (named[:15, :40] < 128).any()
    headed = strip([clip(3, 40, 60)], columns=["a", "b", "c"])
    assert (headed[:15, 124:] < 128).any()


def test_captions_that_do_not_fit_the_rows_are_refused():
    with pytest.raises(ValueError, match="1 labels for 2 rows"):
        strip([clip(3), clip(3)], labels=["one"])
    with pytest.raises(ValueError, match="columns"):
        strip([clip(3)], columns=["one"])
    with pytest.raises(ValueError, match="one size"):
        strip([clip(3), clip(3, 12, 16)])


def test_clips_side_by_side_keep_all_frames():
    joined = side_by_side([clip(4), clip(4, 12, 16), clip(1)], gap=2)
    assert joined.shape == (4, 12, 16 + 2 + 16 + 2 + 16, 3)
    assert joined[3, 0, 0, 0] == 30 and joined[3, 0, 20, 0] == 30 and joined[3, 0, -1, 0] == 0


def test_clips_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\[4, 3\] frames"):
        side_by_side([clip(4), clip(3)])
    with pytest.raises(ValueError, match="no clip"):
        side_by_side([])
