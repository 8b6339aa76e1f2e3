"""Facts about the shipped completers, on motion made up in the layout of the shipped frame generator."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.jacobian import limit_stretch
from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.weights import DEFAULTS, find_weights
from tests.motion_cases import wandering


@pytest.mark.parametrize("kind", ["wgan", "ar"])
def test_shipped_completers_fill_a_gap_plausibly(kind):
    model = load_motion_generator(find_weights(DEFAULTS[kind]), num_dims=60, num_kp=10)
    motion = torch.stack([wandering(32, 10, True, seed).vectors() for seed in range(4)])
    known = torch.zeros(4, 32, dtype=torch.bool)
    known[:, [0, -1]] = True
    made = model.complete(motion.masked_fill(~known[..., None], torch.nan), known, 2, torch.Generator())
    assert torch.equal(made[0][known], motion[known]) and made.isfinite().all()
    inner = Motion.from_vectors(made[:, :, 1:-1], 10)
    origin = Motion.from_vectors(motion[:, :1], 10).jacobian
    assert inner.value.abs().max() <= 1
    assert not limit_stretch(inner.jacobian @ torch.linalg.inv(origin), 0.24, 4.2)[1].any()
    jump = (made.diff(dim=2).abs().mean(dim=(0, 1, 3)))[[0, -1]].max()
    assert jump < 4 * made.diff(dim=2)[:, :, 5:-5].abs().mean()  # neither end is a jump
