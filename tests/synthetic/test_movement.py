"""Motion of the synthetic heads."""

import numpy as np
import pytest

from fommvg_lib.synthetic.movement import BLOCK, PARAMETER_NAMES, parameters_at

FRAMES = np.arange(2 * BLOCK + 40)
CLIPS = [(identity, clip) for identity in range(12) for clip in range(2)]


@pytest.fixture(scope="module")
def tracks() -> dict[str, np.ndarray]:
    stacked = np.stack([parameters_at(identity, clip, FRAMES) for identity, clip in CLIPS])
    return dict(zip(PARAMETER_NAMES, np.moveaxis(stacked, -1, 0), strict=True))


def test_same_numbers_give_the_same_motion_and_other_numbers_another():
    motion = parameters_at(3, 1, FRAMES, seed=5)
    np.testing.assert_array_equal(motion, parameters_at(3, 1, FRAMES, seed=5))
    for other in ((4, 1, 5), (3, 2, 5), (3, 1, 6)):
        assert np.abs(motion - parameters_at(*other[:2], FRAMES, seed=other[2])).max() > 0.05


def test_a_longer_clip_begins_with_the_shorter_one_and_frames_come_in_any_order():
    motion = parameters_at(7, 0, FRAMES)
    np.testing.assert_array_equal(parameters_at(7, 0, FRAMES[:10]), motion[:10])
    np.testing.assert_array_equal(parameters_at(7, 0, FRAMES[::-1]), motion[::-1])


def test_another_frame_rate_samples_the_same_motion():
    motion = parameters_at(7, 0, FRAMES)
    np.testing.assert_allclose(parameters_at(7, 0, np.arange(0, 200, 2), fps=50), motion[:100], atol=1e-6)
    between = parameters_at(7, 0, np.array([1]), fps=50)[0]
    np.testing.assert_allclose(between, (motion[0] + motion[1]) / 2, atol=1e-6)


def test_parameters_stay_in_their_documented_ranges(tracks):
    limits = {"x": 0.29, "y": 0.15, "roll": 0.30, "yaw": 0.57, "pitch": 0.42}
    for name, limit in limits.items():
        assert np.abs(tracks[name]).max() < limit, name
    assert 0.84 < tracks["scale"].min() and tracks["scale"].max() < 1.18
    for name in ("blink", "mouth_open"):
        assert tracks[name].min() >= 0 and tracks[name].max() <= 1, name
    for name in ("gaze_x", "gaze_y", "brow", "smile"):
        assert np.abs(tracks[name]).max() <= 1, name


def test_heads_move_much_but_smoothly_also_across_blocks(tracks):
    for name, least in {"x": 0.10, "roll": 0.10, "yaw": 0.2, "pitch": 0.1, "mouth_open": 0.12}.items():
        assert tracks[name].std() > least, name
    for name in ("x", "y", "roll", "yaw", "pitch", "scale"):
        steps = np.abs(np.diff(tracks[name], axis=1))
        assert steps.max() < 0.25 * np.ptp(tracks[name]), name
        at_seam, within = steps[:, BLOCK - 1].mean(), steps.mean()
        assert at_seam < 4 * within, name


def test_blinks_are_events_that_close_the_eye_and_last_a_fifth_of_a_second(tracks):
    blink = tracks["blink"]
    assert 0.02 < (blink > 0.5).mean() < 0.2
    assert (blink.max(axis=1) == 1).all()
    assert (blink == 0).mean() > 0.7


def test_speech_comes_in_bursts(tracks):
    loud = np.stack([np.convolve(track, np.ones(12) / 12, "valid") for track in tracks["mouth_open"]])
    assert (loud < 0.02).mean() > 0.1
    assert (loud > 0.15).mean() > 0.2


WRONG = [{"identity": -1}, {"clip": -1}, {"seed": -1}, {"fps": 0}, {"frames": [-1]}]


@pytest.mark.parametrize("wrong", WRONG)
def test_negative_numbers_raise(wrong):
    with pytest.raises(ValueError, match=">= 0"):
        parameters_at(**{"identity": 0, "clip": 0, "frames": [0], **wrong})
