"""Structure maps: Gaussians, lines and normals where the points are; files that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.io import savemat

from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.frgan import StructureConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.structure import DrawnMaps, StoredMaps, build_structure, normals, read_joints
from fommvg_lib.pixel_baseline.structure.landmarks import COLOURS, GROUPS, distance_to_line


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return torch.from_numpy(SyntheticClips("train", 32, 12, 0, 3).face_points(1)[[0, 11]])


def test_gaussians_peak_at_their_points():
    structure = build_structure(StructureConfig(), 4)
    points = torch.tensor([[[-1.0, -1], [1, -1], [0, 0], [1, 1]]])
    maps = structure.draw(points, 17)
    assert structure.num_channels == 4
    peaks = [divmod(int(one.flatten().argmax()), 17) for one in maps[0]]
    assert peaks == [(0, 0), (0, 16), (8, 8), (16, 16)]
    assert maps.amax(dim=(2, 3)).tolist() == [[1.0] * 4]


def test_many_points_share_channels_in_their_order():
    structure = build_structure(StructureConfig(), 50)
    assert structure.num_channels == 10
    points = torch.full((1, 50, 2), 5.0)
    points[0, 12] = 0.0  # the third group of five
    assert structure.draw(points, 9).amax(dim=(2, 3))[0].round().tolist() == [0, 0, 1] + [0] * 7


def test_a_joint_that_is_not_seen_is_left_out():
    structure = build_structure(StructureConfig(kind="pose"))
    points = torch.zeros(1, 13, 2)
    points[0, 5] = float("nan")
    maps = structure.draw(points, 9)
    assert maps[0, 5].abs().max() == 0
    assert maps[0, 4].max() == 1


@pytest.mark.parametrize("kind", ["kp", "landmarks", "normal"])
def test_maps_follow_their_points_and_stay_in_range(faces, kind: str):
    structure = build_structure(StructureConfig(kind=kind), 68)
    shift = torch.tensor([8 / 31, 0])  # four pixels of 32
    still, moved = structure.draw(faces, 32), structure.draw(faces + shift, 32)
    assert still.shape == (2, structure.num_channels, 32, 32)
    assert still.abs().max() <= 1
    torch.testing.assert_close(moved[..., 4:], still[..., :-4], atol=2e-3, rtol=0)


def test_lines_have_their_groups_colour_and_touch_their_points(faces):
    maps = build_structure(StructureConfig(kind="landmarks")).draw(faces, 128)
    pixels = (0.5 * (faces[0] + 1) * 127).round().long().clamp(0, 127)
    for (first, _, _), colour in list(zip(GROUPS, COLOURS, strict=True))[:3]:  # nothing is drawn over these
        x, y = pixels[first + 2]
        torch.testing.assert_close(maps[0, :, y, x], torch.tensor(colour), atol=0.35, rtol=0)


def test_distance_to_a_line_beside_it_and_beyond_its_end():
    line = torch.tensor([[[2.0, 2], [6, 2]]])
    distance = distance_to_line(line, 10)[0]
    assert distance[2, 4] == 0
    assert distance[5, 4] == 3
    assert distance[5, 9] == pytest.approx(18**0.5)


def test_normals_point_to_the_viewer_and_turn_with_the_head():
    mean = normals.mean_face()
    frontal = torch.from_numpy(mean[:68, :2]).float()[None]
    drawn = build_structure(StructureConfig(kind="normal")).draw(0.7 * frontal, 64)[0]
    inside = drawn.abs().sum(0) > 0
    assert inside.float().mean() > 0.25
    assert (drawn[2][inside] > 0).all()
    torch.testing.assert_close(
        drawn.square().sum(0)[inside], torch.ones(int(inside.sum())), atol=1e-5, rtol=0
    )
    assert drawn[0][:, :30][inside[:, :30]].mean() < -0.1  # the left half looks to the left
    assert drawn[0][:, 34:][inside[:, 34:]].mean() > 0.1


def test_the_camera_of_a_turned_face_is_found():
    angle, model = 0.4, normals.mean_face()
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    camera, centre = normals.fit_camera(model, 0.5 * model @ turn[:2].T + [0.1, -0.2])
    np.testing.assert_allclose(camera, 0.5 * turn, atol=1e-9)
    np.testing.assert_allclose(centre, [0.1, -0.2], atol=1e-9)


def test_drawn_maps_refuse_other_points():
    with pytest.raises(ValueError, match=r"\(T, 68, 2\)"):
        DrawnMaps(build_structure(StructureConfig(kind="landmarks")), [torch.zeros(3, 5, 2)], 16)


def test_stored_maps_of_whole_clips_and_of_single_frames(tmp_path):
    maps = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)).astype(np.float32)
    np.savez(tmp_path / "one.npz", norm=maps)
    (tmp_path / "two").mkdir()
    for number, frame in enumerate(maps):
        savemat(tmp_path / "two" / f"img_{number:04d}.mat", {"norm": frame})
    stored = StoredMaps(tmp_path, ["one", "two"], [3, 3], 8)
    assert stored.num_channels == 3
    wanted = torch.from_numpy(maps).movedim(-1, 1)[[2, 0]]
    for index in (0, 1):
        assert torch.equal(stored.maps(index, [2, 0]), wanted)


@pytest.mark.parametrize(
    ("arrays", "length", "reason"),
    [
        ({"norm": np.zeros((3, 8, 8, 3))}, 4, "3 frames, its clip has 4"),
        ({"norm": np.zeros((3, 9, 9, 3))}, 3, "was expected"),
        ({"norm": np.full((3, 8, 8, 3), 2.0)}, 3, "leave"),
        ({"norm": np.full((3, 8, 8, 3), np.nan)}, 3, "finite"),
        ({"other": np.zeros(3)}, 3, "no array norm"),
        ({"norm": np.array([{}])}, 3, "cannot be read"),
    ],
)
def test_maps_that_do_not_fit_are_refused_by_name(tmp_path, arrays: dict, length: int, reason: str):
    np.savez(tmp_path / "one.npz", **arrays)
    with pytest.raises(InputError, match=f"one.npz: .*{reason}"):
        StoredMaps(tmp_path, ["one"], [length], 8)


def test_a_clip_without_maps_is_named(tmp_path):
    with pytest.raises(InputError, match="neither absent.npz, absent.mat nor a folder absent"):
        StoredMaps(tmp_path, ["absent"], [3], 8)


def test_joints_of_penn_action_in_the_middle_square(tmp_path):
    x, y, seen = np.full((2, 13), 61.0), np.full((2, 13), 1.0), np.ones((2, 13))
    seen[1, 3] = 0
    savemat(tmp_path / "0001.mat", {"x": x, "y": y, "visibility": seen, "dimensions": [[41.0, 81.0, 2.0]]})
    joints = read_joints(tmp_path, "0001")
    assert joints[0, 0].tolist() == [1.0, -1.0]  # column 60 of 81 is the right edge of the middle 41
    assert joints[1, 3].isnan().all()
    np.savez(tmp_path / "0002.npz", points=np.zeros((2, 12, 2)))
    with pytest.raises(InputError, match="0002.npz: its joints"):
        read_joints(tmp_path, "0002")
