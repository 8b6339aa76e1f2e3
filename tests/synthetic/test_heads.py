"""Pictures of the synthetic heads and their ground truth."""

import numpy as np
import pytest
from scipy import ndimage

from fommvg_lib.synthetic import (
    LANDMARK_NAMES,
    PARAMETER_NAMES,
    TEST_IDENTITIES,
    TRAIN_IDENTITIES,
    identities,
    render_batch,
    render_clip,
    render_frames,
)
from fommvg_lib.synthetic.anatomy import HEAD_Y, Anatomy
from fommvg_lib.synthetic.identity import draw_look, stack_looks
from fommvg_lib.synthetic.landmarks import find_landmarks
from fommvg_lib.synthetic.movement import parameters_at
from fommvg_lib.synthetic.renderer import _render

PEOPLE = range(24)
PARAMETER = {name: i for i, name in enumerate(PARAMETER_NAMES)}
LANDMARK = {name: i for i, name in enumerate(LANDMARK_NAMES)}


def pose(count: int = 1, **values) -> np.ndarray:
    """Parameters (count, P) at rest but for `values`."""
    parameters = np.zeros((count, len(PARAMETER_NAMES)), np.float32)
    parameters[:, PARAMETER["scale"]] = 1.0
    for name, value in values.items():
        parameters[:, PARAMETER[name]] = value
    return parameters


def draw(identity: int, parameters: np.ndarray, size: int = 128) -> np.ndarray:
    looks = stack_looks([identity] * len(parameters))
    return _render(looks, parameters, [identity] * len(parameters), size, 0).astype(int)


def landmarks(identity: int, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return find_landmarks(Anatomy(stack_looks([identity] * len(parameters)), parameters))


def pixel(point: np.ndarray, size: int) -> tuple[int, int]:
    column, row = np.rint((point + 1) / 2 * (size - 1)).astype(int)
    return row, column


def plain_people() -> list[int]:
    """Identities without beard and glasses, whose features nothing covers."""
    return [i for i in range(60) if draw_look(i)["beard"] == 0 and draw_look(i)["glasses"] == 0][:15]


def test_train_and_test_identities_are_disjoint_and_look_different():
    assert set(TRAIN_IDENTITIES).isdisjoint(TEST_IDENTITIES)
    assert identities("train") is TRAIN_IDENTITIES and identities("test") is TEST_IDENTITIES
    skins = {draw_look(i)["skin"].tobytes() for i in [*TRAIN_IDENTITIES, *TEST_IDENTITIES]}
    assert len(skins) == len(TRAIN_IDENTITIES) + len(TEST_IDENTITIES)
    with pytest.raises(ValueError, match="validation"):
        identities("validation")


def test_clip_has_the_documented_shapes():
    clip = render_clip(3, 1, num_frames=5, size=48, seed=2)
    assert clip.frames.shape == (5, 48, 48, 3) and clip.frames.dtype == np.uint8
    assert clip.landmarks.shape == (5, len(LANDMARK_NAMES), 2) and clip.landmarks.dtype == np.float32
    assert clip.visibility.shape == (5, len(LANDMARK_NAMES)) and clip.visibility.dtype == bool
    assert clip.parameters.shape == (5, len(PARAMETER_NAMES))
    np.testing.assert_array_equal(clip.pose, clip.parameters[:, :6])
    assert (clip.identity, clip.clip, clip.seed, clip.fps) == (3, 1, 2, 25)


@pytest.mark.parametrize("size", [32, 64, 130])
def test_a_frame_does_not_depend_on_what_else_is_rendered(size):
    requests = [(identity, identity % 3, 7 * identity) for identity in PEOPLE]
    together = render_batch(requests, size)
    for request, frame in zip(requests, together, strict=True):
        np.testing.assert_array_equal(render_frames(*request[:2], [request[2]], size)[0], frame)


def test_a_longer_clip_begins_with_the_shorter_one():
    longer, shorter = render_clip(9, 0, 70, 64), render_clip(9, 0, 10, 64)
    np.testing.assert_array_equal(longer.frames[:10], shorter.frames)
    np.testing.assert_array_equal(longer.landmarks[:10], shorter.landmarks)


def test_motion_and_landmarks_do_not_depend_on_the_size():
    small, large = render_clip(5, 0, 6, 32), render_clip(5, 0, 6, 256)
    np.testing.assert_array_equal(small.landmarks, large.landmarks)
    blurred = ndimage.uniform_filter(large.frames.astype(float), (1, 8, 8, 1))
    places = np.rint(np.arange(32) * 255 / 31).astype(int)  # -1 and +1 are the middles of the border pixels
    assert np.abs(blurred[:, places][:, :, places] - small.frames).mean() < 5


def test_seed_changes_person_and_motion():
    first, second = render_clip(5, 0, 4, 32, seed=0), render_clip(5, 0, 4, 32, seed=1)
    assert np.abs(first.frames.astype(int) - second.frames).mean() > 10
    assert np.abs(first.parameters - second.parameters).max() > 0.01


@pytest.mark.parametrize("size", [31, 257])
def test_size_out_of_range_raises(size):
    with pytest.raises(ValueError, match="32 to 256"):
        render_clip(0, 0, 1, size)


def test_repeating_the_first_frame_is_a_poor_prediction_and_neighbours_are_alike():
    far, near = [], []
    for identity in PEOPLE:
        frames = render_frames(identity, 0, [0, *range(20, 60, 5), *range(21, 60, 5)], 32).astype(int)
        far.append(np.abs(frames[1:] - frames[0]).mean())
        near.append(np.abs(frames[1:9] - frames[9:]).mean())
    assert np.mean(far) > 10
    assert np.mean(near) < 0.3 * np.mean(far)


def test_heads_stay_inside_the_picture():
    names = ("head_top", "chin", "left_pupil", "right_pupil", "nose_tip", "mouth_left", "mouth_right")
    chosen = [LANDMARK[name] for name in names]
    for identity in PEOPLE:
        parameters = parameters_at(identity, 1, np.arange(128))
        assert np.abs(landmarks(identity, parameters)[0][:, chosen]).max() < 1.0


def test_background_is_static():
    frames = render_clip(2, 0, 40, 64).frames
    corners = frames[:, :4, [0, 1, 2, -3, -2, -1]]
    assert (corners == corners[0]).all()


def test_pupils_are_dark_and_the_white_beside_them_is_bright():
    for identity in plain_people():
        frame = draw(identity, pose())[0]
        points, seen = landmarks(identity, pose())
        for side in ("left", "right"):
            assert seen[0, LANDMARK[f"{side}_pupil"]]
            assert frame[pixel(points[0, LANDMARK[f"{side}_pupil"]], 128)].max() < 90
            middle, corner = (points[0, LANDMARK[f"{side}_eye{part}"]] for part in ("", "_outer"))
            assert frame[pixel(0.15 * middle + 0.85 * corner, 128)].min() > 130


def test_gaze_moves_the_dark_spot_with_the_pupil_landmark():
    for identity in plain_people()[:6]:
        poses = np.concatenate([pose(gaze_x=-0.9), pose(gaze_x=0.9)])
        frames, (points, _) = draw(identity, poses), landmarks(identity, poses)
        column = LANDMARK["right_pupil"]
        assert points[1, column, 0] - points[0, column, 0] > 0.03
        for frame, point in zip(frames, points[:, column], strict=True):
            assert frame[pixel(point, 128)].max() < 90


def test_a_blink_hides_the_pupils():
    for identity in plain_people():
        frame = draw(identity, pose(blink=1.0))[0]
        open_points, _ = landmarks(identity, pose())
        _, seen = landmarks(identity, pose(blink=1.0))
        assert not seen[0, LANDMARK["left_pupil"]]
        at_pupil = frame[pixel(open_points[0, LANDMARK["left_pupil"]], 128)]
        skin = draw_look(identity)["skin"][0] * 255 * 0.9
        assert np.abs(at_pupil - skin).max() < 12


def test_opening_the_mouth_makes_a_dark_area_that_grows():
    openings = (0.0, 0.4, 0.7, 1.0)
    for identity in plain_people():
        poses = np.concatenate([pose(mouth_open=opening) for opening in openings])
        frames, (points, _) = draw(identity, poses), landmarks(identity, poses)
        row, column = pixel(points[0, LANDMARK["mouth_top"]], 128)
        region = frames[:, row - 4 : row + 22, column - 12 : column + 13]
        cavity = np.abs(region - np.array([0.22, 0.05, 0.07]) * 255).max(axis=-1) < 25
        areas = cavity.sum(axis=(1, 2))
        assert (np.diff(areas) > 0).all(), identity
        gaps = points[:, LANDMARK["mouth_bottom"], 1] - points[:, LANDMARK["mouth_top"], 1]
        assert (np.diff(gaps) > 0.01).all()


def test_a_smile_lifts_the_corners_of_the_mouth():
    points, _ = landmarks(4, np.concatenate([pose(smile=-0.3), pose(smile=1.0)]))
    corners = points[:, [LANDMARK["mouth_left"], LANDMARK["mouth_right"]], 1].mean(axis=1)
    middle = points[:, LANDMARK["mouth_top"], 1]
    assert (corners - middle)[1] < (corners - middle)[0] - 0.05


def test_chin_lies_on_the_edge_between_skin_and_what_is_below():
    for identity in plain_people():
        frame = draw(identity, pose())[0]
        row, column = pixel(landmarks(identity, pose())[0][0, LANDMARK["chin"]], 128)
        skin = draw_look(identity)["skin"][0] * 255
        assert np.abs(frame[row - 2, column] - skin).max() < 40
        below = frame[row + 3, column]  # the neck, in the shadow of the chin
        assert np.abs(frame[row - 3, column] - below).max() > 0.05 * skin.max()


def test_features_shift_over_the_head_when_it_turns():
    for identity in PEOPLE:
        points, _ = landmarks(identity, np.concatenate([pose(), pose(yaw=0.4), pose(pitch=0.3)]))
        across, down = (points[1] - points[0])[:, 0], (points[2] - points[0])[:, 1]
        assert across[LANDMARK["nose_tip"]] > across[LANDMARK["left_eye"]] + 0.02
        assert across[LANDMARK["nose_tip"]] > across[LANDMARK["chin"]] + 0.05 > 0.05
        assert down[LANDMARK["nose_tip"]] > 0.05
        assert abs(across[LANDMARK["left_shoulder"]]) < 1e-6


def test_turning_moves_the_picture_towards_that_side():
    to_mirror_image, to_other_side = [], []
    for identity in plain_people():
        left, right = draw(identity, np.concatenate([pose(yaw=-0.45), pose(yaw=0.45)]), 64)
        face = np.s_[20:45, 15:49]
        to_mirror_image.append(np.abs(left - right[:, ::-1])[face].mean())
        to_other_side.append(np.abs(left - right)[face].mean())
    assert np.mean(to_mirror_image) < 0.75 * np.mean(to_other_side)


def test_pose_moves_landmarks_as_documented():
    looks = draw_look(6)
    rest, _ = landmarks(6, pose())
    moved, _ = landmarks(6, pose(x=0.2, y=-0.1))
    face = [i for name, i in LANDMARK.items() if not name.endswith("shoulder")]
    np.testing.assert_allclose((moved - rest)[0, face], np.tile([0.2, -0.1], (len(face), 1)), atol=1e-6)
    rolled, _ = landmarks(6, pose(roll=0.25))
    joint = np.array([0.0, HEAD_Y + 0.6 * looks["head_size"][0]])
    turn = np.array([[np.cos(0.25), -np.sin(0.25)], [np.sin(0.25), np.cos(0.25)]])
    np.testing.assert_allclose(rolled[0, face] - joint, (rest[0, face] - joint) @ turn.T, atol=1e-5)
    larger, _ = landmarks(6, pose(scale=1.1))
    np.testing.assert_allclose(larger[0, face] - joint, 1.1 * (rest[0, face] - joint), atol=1e-5)


def test_edges_are_soft():
    frame = draw(8, pose(), 64)[0]
    assert len(np.unique(frame[20:40].reshape(-1, 3), axis=0)) > 300
