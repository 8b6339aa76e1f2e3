"""The best frame: by landmarks where there are some, else by keypoints, and it is said which."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib.best_frame import BestFrame, find_best_frame
from fommvg_lib.landmarks import Landmarker
from fommvg_lib.motion import Motion

SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5)], float)
NUM_FRAMES = 6


def picture(number, size=256):
    """A picture that a fake detector knows by its first pixel."""
    return np.full((size, size, 3), number, np.uint8)


def posed(amount):
    """The square sheared, enlarged and moved: size and place must not count, the shear must."""
    return SQUARE @ np.array([[1, 0], [amount, 1]]) * (3 + amount) + 7 * amount


def detector(shears, seen=None):
    """Finds by number of the picture; a missing number has no face."""

    def find(image):
        if seen is not None:
            seen.append(image.shape)
        return shears.get(int(image[0, 0, 0]))

    return Landmarker("fake", find)


@pytest.fixture
def keypoints():
    """Keypoints that call frame 4 the closest."""
    shears = [0.9, 0.8, 0.7, 0.6, 0.31, 0.5]
    source = Motion(torch.tensor(posed(0.3)).float())
    return source, Motion(torch.stack([torch.tensor(posed(shear)).float() for shear in shears]))


DRIVING = [picture(10 + number) for number in range(NUM_FRAMES)]
SHEARS = {10 + number: posed(shear) for number, shear in enumerate([0.5, 0.4, 0.11, 0.2, 0.3, 0.6])}
SOURCE = {1: posed(0.1)}


def test_without_a_detector_keypoints_choose_and_pictures_stay_unread(keypoints):
    def unread():
        raise AssertionError("the driver was read")
        yield

    assert find_best_frame(picture(1), unread(), *keypoints) == BestFrame(4, "keypoints")


def test_landmarks_choose_by_pose_not_by_size_or_place(keypoints):
    found = find_best_frame(picture(1), DRIVING, *keypoints, detector({**SOURCE, **SHEARS}))
    assert found == BestFrame(2, "fake")


def test_frames_without_a_face_are_passed_over_and_counted(keypoints):
    shears = {number: points for number, points in SHEARS.items() if number not in (10, 12)}
    found = find_best_frame(picture(1), DRIVING, *keypoints, detector({**SOURCE, **shears}))
    assert found == BestFrame(3, "fake", "fake finds no face in 2 of 6 driving frames")


def test_a_source_without_a_face_leaves_it_to_the_keypoints(keypoints):
    found = find_best_frame(picture(1), DRIVING, *keypoints, detector(SHEARS))
    assert (found.index, found.by) == (4, "keypoints") and "no face in the source" in found.note


def test_a_driver_without_a_face_leaves_it_to_the_keypoints(keypoints):
    found = find_best_frame(picture(1), DRIVING, *keypoints, detector(SOURCE))
    assert (found.index, found.by) == (4, "keypoints") and "no face in the driver" in found.note


@pytest.mark.parametrize("useless", [np.full((5, 2), np.nan), np.ones((5, 2)), SQUARE[:, :1].repeat(2, 1)])
def test_landmarks_that_span_no_area_count_as_no_face(keypoints, useless):
    found = find_best_frame(picture(1), DRIVING, *keypoints, detector({**SOURCE, **SHEARS, 12: useless}))
    assert found.index == 3 and "1 of 6" in found.note


def test_small_pictures_are_enlarged_for_the_detector(keypoints):
    seen = []
    find_best_frame(picture(1, 64), [picture(12, 300)], *keypoints, detector({**SOURCE, **SHEARS}, seen))
    assert seen == [(256, 256, 3), (300, 300, 3)]
