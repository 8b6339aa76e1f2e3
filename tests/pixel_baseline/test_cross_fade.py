"""Cross-fade: exact where frames are known, straight lines between, repetition beyond."""

import pytest
import torch

from fommvg_lib.pixel_baseline.cross_fade import CrossFade, cross_fade
from fommvg_lib.pixel_baseline.interface import both_ends


def test_a_straight_line_of_brightness_is_followed_exactly():
    line = torch.linspace(0, 1, 9)[:, None, None, None].expand(-1, 3, 4, 4)
    hidden = line.clone()
    hidden[1:-1] = float("nan")
    assert torch.allclose(cross_fade(hidden, both_ends(9)), line)


def test_each_gap_is_mixed_from_its_own_neighbours_and_the_outside_repeated():
    frames = torch.tensor([9.0, 1.0, 9.0, 3.0, 9.0, 9.0, 6.0, 9.0])[:, None, None, None]
    known = torch.tensor([False, True, False, True, False, False, True, False])
    assert cross_fade(frames, known).flatten().tolist() == [1, 1, 2, 3, 4, 5, 6, 6]


def test_known_frames_are_untouched_and_samples_alike():
    frames = torch.rand(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    known = both_ends(8)
    known[3] = True
    made = CrossFade().complete_video(frames, known, 3, seed=0)
    assert made.shape == (3, 8, 3, 4, 4) and torch.equal(made[0], made[2])
    assert torch.equal(made[0][known], frames[known])


def test_without_a_known_frame_it_says_so():
    nothing = torch.zeros(8, dtype=torch.bool)
    assert not CrossFade().supports(nothing)
    with pytest.raises(ValueError, match="needs a known frame"):
        CrossFade().complete_video(torch.rand(8, 3, 4, 4), nothing, 1, 0)


def test_a_known_frame_that_is_not_finite_is_refused():
    frames = torch.full((4, 3, 4, 4), float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        CrossFade().complete_video(frames, both_ends(4), 1, 0)
