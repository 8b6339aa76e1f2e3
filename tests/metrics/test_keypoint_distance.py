"""AKD, MKR and AED by hand in both definitions, and exact on synthetic heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib.landmarks import Landmarker
from fommvg_lib.metrics.keypoint_distance import (
    detect_points,
    embedding_distance,
    keypoint_distance,
    true_identity,
    true_points,
)
from fommvg_lib.metrics.outcome import NotAvailable
from fommvg_lib.synthetic import render_clip

NAN = float("nan")


def test_equal_points_have_no_distance():
    points = torch.rand(4, 5, 2)
    for definition in ("paper", "release"):
        found = keypoint_distance(points, points, definition)
        assert (found.akd, found.mkr, found.num_compared) == (0, 0, 20)


def test_the_definitions_differ_as_published():
    """Frame 0: two points, off by (3, 4) and missing. Frame 1: one real point, off by (0, 2)."""
    real = torch.tensor([[[0.0, 0], [5, 5]], [[1, 1], [NAN, NAN]]])
    made = torch.tensor([[[3.0, 4], [NAN, NAN]], [[1, 3], [2, 2]]])
    paper, release = keypoint_distance(real, made), keypoint_distance(real, made, "release")
    assert (paper.akd, paper.mkr) == (pytest.approx(3.5), pytest.approx(1 / 3))
    assert (release.akd, release.mkr) == (pytest.approx((3.5 + 1) / 2), pytest.approx((0.5 + 0) / 2))
    assert paper.num_compared == release.num_compared == 2


def test_a_frame_counts_by_itself_in_the_release():
    real = torch.zeros(2, 3, 2)
    made = torch.zeros(2, 3, 2)
    made[0] = 1
    made[0, 1:] = NAN
    assert keypoint_distance(real, made).akd == pytest.approx(2**0.5 / 4)
    assert keypoint_distance(real, made, "release").akd == pytest.approx(0.5)


def test_embeddings_by_hand():
    real = torch.tensor([[0.0, 0], [1, 1], [NAN, NAN]])
    made = torch.tensor([[3.0, 4], [1, 1], [7, 7]])
    assert embedding_distance(real, made) == pytest.approx(2.5)
    assert embedding_distance(real, made, "release") == pytest.approx(1.75)
    with pytest.raises(NotAvailable, match="nobody was found"):
        embedding_distance(real[2:], made[2:])


@pytest.mark.parametrize(
    ("real", "made", "definition", "said"),
    [
        (torch.zeros(1, 2, 2), torch.zeros(1, 3, 2), "paper", "expected two"),
        (torch.zeros(1, 1, 2), torch.tensor([[[NAN, 0]]]), "paper", "some of its numbers"),
        (torch.zeros(1, 1, 2), torch.zeros(1, 1, 2), "mine", "paper or release"),
    ],
)
def test_wrong_points_are_refused(real, made, definition, said):
    with pytest.raises(ValueError, match=said):
        keypoint_distance(real, made, definition)


def test_points_that_nobody_finds_are_not_available():
    with pytest.raises(NotAvailable, match="no keypoint"):
        keypoint_distance(torch.zeros(1, 2, 2), torch.full((1, 2, 2), NAN))
    with pytest.raises(NotAvailable, match="any of 2 frames"):
        detect_points(np.zeros((2, 8, 8, 3), np.uint8), lambda frame: None)


def test_any_detector_can_be_put_in():
    """The brightest pixel, where there is one."""

    def find(frame):
        spot = np.argwhere(frame[..., 0] > 0)
        return spot[:1, ::-1] if len(spot) else None

    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[0, 2, 5], frames[2, 6, 1] = 255, 255
    for detector in (find, Landmarker("brightest", find)):
        points = detect_points(frames, detector)
        assert points.shape == (3, 1, 2) and points[0].tolist() == [[5, 2]] and points[2].tolist() == [[1, 6]]
        assert points[1].isnan().all()


def test_ground_truth_of_heads_is_exact_in_pixels():
    small, large = (render_clip(3, 0, num_frames=4, size=size) for size in (33, 65))
    assert torch.allclose(true_points(large), 2 * true_points(small), equal_nan=True, atol=1e-4)
    hidden = true_points(small).isnan().all(dim=-1)
    assert torch.equal(hidden, ~torch.from_numpy(small.visibility))
    still = render_clip(3, 0, num_frames=1, size=33)
    held = true_points(still).expand(4, -1, -1)
    assert keypoint_distance(true_points(small), true_points(small)).akd == 0
    assert keypoint_distance(true_points(small), held).akd > 0.01


def test_the_looks_of_a_head_tell_people_apart_and_not_clips():
    first, again, other = (render_clip(*who, num_frames=2, size=32) for who in ((3, 0), (3, 1), (4, 0)))
    assert embedding_distance(true_identity(first), true_identity(again)) == 0
    assert embedding_distance(true_identity(first), true_identity(other)) > 0.1
