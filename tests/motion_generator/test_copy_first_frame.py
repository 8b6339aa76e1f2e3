"""The baseline that does nothing."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.motion_generator import LinearMotion, load_motion_generator


def test_every_unknown_frame_is_the_first_and_known_ones_stay():
    motion = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([True, False, False, False, True]).expand(2, -1)
    model = load_motion_generator("copy-first-frame", num_dims=4, num_kp=2)
    made = model.complete(motion.masked_fill(~known[..., None], float("nan")), known, 3)
    assert made.shape == (3, 2, 5, 4)
    assert torch.equal(made[:, :, :4], motion[None, :, :1].expand(3, 2, 4, 4))
    assert torch.equal(made[1, :, 4], motion[:, 4])


def test_with_one_frame_known_it_is_the_straight_line():
    motion = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    known = (torch.arange(5) == 0).expand(2, -1)
    copied = load_motion_generator("copy-first-frame", num_dims=4, num_kp=2).complete(motion, known)
    assert torch.equal(copied, LinearMotion(4, 2).complete(motion, known))


def test_without_the_first_frame_there_is_nothing_to_copy():
    model = load_motion_generator("copy-first-frame", num_dims=4, num_kp=2)
    known = (torch.arange(5) == 2).expand(2, -1)
    assert not model.supports(known)
    with pytest.raises(ValueError, match="first frame is known"):
        model.complete(torch.zeros(2, 5, 4), known)
