"""Blinks and speech, read off points: against the parameters that moved them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib.files import InputError
from fommvg_lib.landmark_motion import LANDMARK_SOURCE, is_landmark_motion, landmark_motion
from fommvg_lib.metrics.face import (
    MouthLevels,
    count_blinks,
    count_openings,
    eye_opening,
    mouth_opening,
)
from fommvg_lib.synthetic import LANDMARK_NAMES, PARAMETER_NAMES, TEST_IDENTITIES, render_clip
from fommvg_lib.synthetic.tracks import HEAD_NAMES, TRACK_NAMES, point_tracks

BLINK, MOUTH = PARAMETER_NAMES.index("blink"), PARAMETER_NAMES.index("mouth_open")


@pytest.fixture(scope="module")
def clips():
    """40 clips of 200 frames: points (40, 200, P, 2) and parameters (40, 200, 12)."""
    made = [point_tracks(person, 0, 200) for person in TEST_IDENTITIES[:40]]
    return [torch.from_numpy(np.stack(part)) for part in zip(*made, strict=True)]


def runs(states):
    begins = states & ~np.concatenate([np.zeros_like(states[..., :1]), states[..., :-1]], axis=-1)
    return begins.sum(axis=-1)


def test_points_are_those_of_the_rendered_clip():
    clip = render_clip(5, 1, 12)
    points, parameters = point_tracks(5, 1, 12)
    assert points.shape == (12, len(TRACK_NAMES), 2) and points.dtype == np.float32
    for name in HEAD_NAMES:
        ours, theirs = points[:, TRACK_NAMES.index(name)], clip.landmarks[:, LANDMARK_NAMES.index(name)]
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(parameters, clip.parameters)


def test_blinks_in_the_points_are_those_of_the_parameters(clips):
    points, parameters = clips
    counted = count_blinks(points)
    closed = parameters[..., BLINK].numpy() >= 0.45
    assert counted.blinks.sum() > 60
    assert (counted.blinks.numpy() == runs(closed)).mean() > 0.95
    assert counted.closed_frames.sum().item() == pytest.approx(closed.sum(), rel=0.02)


def test_lids_meet_in_a_blink_and_eyes_that_stay_open_never_blink(clips):
    points, parameters = clips
    opening, blink = eye_opening(points), parameters[..., BLINK]
    assert opening[blink > 0.99].max() < 1e-4 < 0.3 < opening[blink == 0].min()
    assert count_blinks(points[:, :1].expand(-1, 50, -1, -1)).blinks.sum() == 0


def test_mouth_opening_follows_its_parameter(clips):
    points, parameters = clips
    opening, wanted = mouth_opening(points), parameters[..., MOUTH].double()
    for row, track in zip(opening, wanted, strict=True):
        if track.std() > 0.1:
            assert np.corrcoef(row.numpy(), track.numpy())[0, 1] > 0.97


def test_a_mouth_that_opens_three_times_a_second_is_counted_so(clips):
    points = clips[0][:1, :1].expand(1, 100, -1, -1).clone()
    time = torch.arange(100) / 25
    opening = 0.1 * (1 - torch.cos(2 * torch.pi * 3 * time))  # 0 to 0.2
    top, bottom = (TRACK_NAMES.index(f"mouth_{part}") for part in ("top", "bottom"))
    points[:, :, bottom] = points[:, :, top] + torch.stack([0 * opening, opening], dim=-1)
    apart = (points[0, 0, 0] - points[0, 0, 1]).norm().item()
    assert count_openings(points, MouthLevels(0.1 / apart, 0.05 / apart)).item() == 12
    tremor = points.clone()
    tremor[:, ::2, bottom, 1] += 0.01  # does not fall from the one level to the other
    assert count_openings(tremor, MouthLevels(0.1 / apart, 0.05 / apart)).item() == 12


def test_openings_of_real_heads_are_their_syllables(clips):
    points, parameters = clips
    mouth = parameters[..., MOUTH].numpy()
    wide, syllables = np.quantile(mouth, 0.95), 0
    for track in mouth:
        is_open = False
        for height in track:
            syllables += not is_open and height > wide / 2
            is_open = height > (wide / 4 if is_open else wide / 2)
    assert syllables > 300
    counted = count_openings(points, MouthLevels.fit(points)).sum().item()
    assert counted == pytest.approx(syllables, rel=0.1)


def test_landmark_motion_is_a_motion_set_with_identities():
    clips = landmark_motion("test", 2, 2, 10)
    assert [clip.name for clip in clips] == ["1000#000", "1000#001", "1001#000", "1001#001"]
    assert clips[0].motion.value.shape == (10, len(TRACK_NAMES), 2) and clips[0].motion.jacobian is None
    assert is_landmark_motion(clips[0].weights_hash, clips[0].motion.num_kp)
    assert not is_landmark_motion("abc", len(TRACK_NAMES)) and not is_landmark_motion(LANDMARK_SOURCE, 10)
    train = landmark_motion("train", 1, 1, 10)
    assert train[0].name == "0000#000"


def test_landmark_motion_that_does_not_exist_is_refused():
    for words in (("all", 1), ("test", 201), ("train", 0), ("train", 1, 0), ("odd", 1)):
        with pytest.raises(InputError):
            landmark_motion(*words)


def test_points_of_another_face_are_refused():
    with pytest.raises(ValueError, match="23 points"):
        mouth_opening(torch.zeros(3, 10, 2))
