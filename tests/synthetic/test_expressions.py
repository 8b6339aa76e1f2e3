"""Takes of expressions: neutral at first, each with its own apex; the 68 points lie where the face is."""

from __future__ import annotations

import numpy as np
import pytest

from fommvg_lib.clips import ExpressionTakes, SyntheticClips, open_clips
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import LANDMARK_NAMES, PARAMETER_NAMES, render_clip
from fommvg_lib.synthetic.expressions import EXPRESSIONS, take_parameters

COLUMN = {name: index for index, name in enumerate(PARAMETER_NAMES)}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_take_begins_neutral_and_reaches_an_apex(expression: str):
    takes = np.stack([take_parameters(3, expression, take, 40) for take in range(8)])
    face = takes[:, :, [COLUMN[name] for name in ("brow", "mouth_open", "smile", "blink")]]
    assert np.abs(face[:, 0]).max() == 0
    assert (np.abs(face).max(axis=(1, 2)) > 0.4).all()
    pose = takes[:, :, [COLUMN[name] for name in ("x", "y", "roll", "yaw")]]
    assert np.abs(pose).max() < 0.05


def test_expressions_differ_as_they_should():
    def apex(expression: str, name: str) -> float:
        values = take_parameters(5, expression, 0, 64)[:, COLUMN[name]]
        return values[np.abs(values).argmax()]

    assert apex("happiness", "smile") > 0.5 > -0.5 > apex("sadness", "smile")
    assert apex("surprise", "brow") > 0.5 > -0.5 > apex("anger", "brow")
    assert apex("surprise", "mouth_open") > 0.5


def test_takes_are_drawn_from_their_numbers():
    one = take_parameters(3, "fear", 1, 20)
    assert np.array_equal(one, take_parameters(3, "fear", 1, 20))
    for other in ((4, "fear", 1), (3, "anger", 1), (3, "fear", 2)):
        assert not np.array_equal(one, take_parameters(*other, 20))
    with pytest.raises(ValueError, match="boredom"):
        take_parameters(3, "boredom", 0, 20)


def test_takes_as_clips_are_labelled_by_person_and_expression():
    clips = open_clips("synthetic-expressions", "train", 32, num_frames=6, num_identities=2, takes=2)
    assert isinstance(clips, ExpressionTakes)
    assert len(clips) == 2 * 6 * 2
    assert clips.names[3] == "0000#disgust-001"
    assert (clips.identity(3), clips.expression(3)) == ("0000", "disgust")
    assert np.array_equal(clips.frames(3, [5, 0]), clips.frames_at([(3, 5), (3, 0)]))
    assert np.abs(clips.frames(3, [0])[0].astype(int) - clips.frames(3, [4])[0]).max() > 20
    with pytest.raises(IndexError):
        clips.frames(0, [6])
    with pytest.raises(InputError, match="identities"):
        ExpressionTakes("test", num_identities=1000)


def test_face_points_agree_with_the_landmarks_of_the_same_frame():
    clips, head = SyntheticClips("train", 32, 10, 0, 1), render_clip(0, 0, 10, 32)
    points = clips.face_points(0)
    assert points.shape == (10, 68, 2)
    wanted = {
        36: "left_eye_outer", 39: "left_eye_inner", 42: "right_eye_inner", 45: "right_eye_outer",
        30: "nose_tip", 8: "chin",
    }  # fmt: skip
    for number, name in wanted.items():
        np.testing.assert_allclose(
            points[:, number], head.landmarks[:, LANDMARK_NAMES.index(name)], atol=2e-6
        )
