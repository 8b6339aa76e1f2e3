"""Moving arrows: they begin and end at rest, swing to both sides and reach as far as they say."""

import numpy as np
import pytest
import torch

from fommvg_lib.motion import Motion
from fommvg_lib.visualize import draw_pca_swing

GREY = np.full((41, 41, 3), 100, np.uint8)


def tip_of(picture: np.ndarray) -> np.ndarray:
    """Give x and y of the middle of what is drawn, weighted towards the disc."""
    y, x = np.nonzero(np.abs(picture.astype(int) - picture[0, 0]).max(axis=-1) > 60)
    return np.array([x.max() if x.mean() > 20 else x.min(), y.mean()])


def test_the_arrow_swings_along_its_direction_and_back():
    mean, directions = Motion(torch.zeros(1, 2)), np.array([[0.3, 0.0], [0.0, -2.0]])
    swing = draw_pca_swing(GREY, mean, directions, num_frames=8, length=0.5)
    assert swing.shape == (8, 41, 84, 3) and swing.dtype == np.uint8
    first, second = swing[:, :, :41], swing[:, :, -41:]
    assert tip_of(first[2])[0] == pytest.approx(30 + 3, abs=1) and tip_of(first[2])[1] == 20
    assert tip_of(first[6])[0] == pytest.approx(10 - 3, abs=1)
    for rest in (0, 4):  # only the disc about the mean place
        drawn = np.argwhere(np.abs(first[rest].astype(int) - first[rest][0, 0]).max(axis=-1) > 60)
        assert np.hypot(*(drawn - 20).T).max() <= 4
    rows = np.argwhere(np.abs(second[2].astype(int) - second[2][0, 0]).max(axis=-1) > 60)[:, 0]
    assert rows.min() == pytest.approx(10 - 3, abs=1)  # y is downwards, the direction upwards


def test_directions_and_frames_are_as_many_as_asked_for():
    mean = Motion(torch.rand(5, 2, generator=torch.Generator().manual_seed(0)) - 0.5)
    swing = draw_pca_swing(GREY, mean, np.eye(10), num=3, num_frames=4, factor=2)
    assert swing.shape == (4, 82, 3 * 82 + 4, 3)
    for wrong in ({"num_frames": 0}, {"num": 0}):
        with pytest.raises(ValueError, match="cannot be drawn"):
            draw_pca_swing(GREY, mean, np.eye(10), **wrong)
