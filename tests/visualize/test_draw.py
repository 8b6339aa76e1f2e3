"""Drawings: keypoints sit where they are, flow and masks have the colours that they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib.crop import CropBox
from fommvg_lib.motion import Motion
from fommvg_lib.visualize import draw_boxes, draw_keypoints, flow_picture, mask_picture

BLACK = np.zeros((33, 33, 3), np.uint8)


def identity_grid(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([x, y], dim=-1)


@pytest.mark.parametrize(("point", "pixel"), [((-1, -1), (0, 0)), ((1, 1), (32, 32)), ((0, 0.5), (16, 24))])
@pytest.mark.parametrize("factor", [1, 3])
def test_a_keypoint_is_drawn_at_its_pixel(point: tuple, pixel: tuple, factor: int):
    drawn = draw_keypoints(
        BLACK, Motion(torch.tensor([point], dtype=torch.float32)), kp_size=1.5, factor=factor
    )
    assert drawn.shape == (33 * factor, 33 * factor, 3)
    y, x = np.nonzero(drawn.max(axis=-1) == 255)
    centre = (np.array(pixel) + 0.5) * factor - 0.5
    assert np.hypot(x - centre[0], y - centre[1]).max() <= 2.0


def test_grey_frames_become_colour_and_stay_untouched():
    frames = np.full((4, 20, 20, 1), 100, np.uint8)
    drawn = draw_keypoints(frames, Motion(torch.zeros(4, 1, 2)))
    assert drawn.shape == (4, 20, 20, 3)
    assert (frames == 100).all()
    assert (drawn[:, 0, 0] == 100).all()


def test_a_jacobian_is_drawn_along_its_columns():
    quarter_turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    motion = Motion(torch.zeros(1, 2), 4 * quarter_turn)
    bare = draw_keypoints(BLACK, motion, kp_size=1, has_axes=False).max(axis=-1)
    drawn = draw_keypoints(BLACK, motion, kp_size=1).max(axis=-1)
    assert bare[23, 16] == 0 and drawn[23, 16] > 200, "the first axis points down"
    assert 0 < drawn[16, 9] < 200, "the second points left and is paler"


def test_keypoints_outside_or_undefined_do_no_harm():
    drawn = draw_keypoints(BLACK, Motion(torch.tensor([[5.0, 5.0], [float("nan"), 0.0], [-9.0, 0.0]])))
    assert (drawn == 0).all()


def test_frames_and_motion_must_agree():
    with pytest.raises(ValueError, match="1 frames but motion of 3"):
        draw_keypoints(BLACK, Motion(torch.zeros(3, 1, 2)))


def test_no_flow_is_white_and_direction_is_hue():
    grid = identity_grid(5, 9)
    assert (flow_picture(grid) == 255).all()
    right = flow_picture((grid + torch.tensor([1.0, 0.0]))[None])
    assert right[2, 4].tolist() == [255, 0, 0]


def test_a_mask_shows_background_grey_and_keypoints_in_their_colour():
    mask = torch.zeros(3, 4, 6)
    mask[0, :, :3] = 1
    mask[1, :, 3:] = 1
    picture = mask_picture(mask)
    assert picture.shape == (4, 6, 3)
    assert (picture[:, :3] == 225).all()
    dot = draw_keypoints(BLACK, Motion(torch.zeros(2, 2)[:1]), kp_size=3)[16, 16]
    np.testing.assert_array_equal(picture[0, 5], dot)


def test_boxes_are_outlines_that_end_at_the_border():
    frames = np.zeros((2, 10, 12, 3), np.uint8)
    drawn = draw_boxes(
        frames, [[CropBox(2, 1, 6, 5)], [CropBox(-3, -3, 5, 5), CropBox(50, 0, 4, 4)]], thickness=1
    )
    marked = (drawn == (255, 200, 0)).all(axis=-1)
    assert marked[0].sum() == 2 * 6 + 2 * 3 and marked[0][1, 2:8].all() and not marked[0][2:5, 3:7].any()
    assert marked[1][:2, :2].any() and not marked[1][2:].any() and not marked[1][:, 2:].any()
    assert not frames.any()
    with pytest.raises(ValueError, match="boxes for 1"):
        draw_boxes(frames, [[]])
