"""Change and flicker: stills, even motion, alternation."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.metrics.temporal import change_ratio, flicker_ratio, frame_change, temporal_flicker


def ramp(slope, frames=8):
    return (slope * torch.arange(frames, dtype=torch.float64)).view(1, -1, 1, 1, 1).expand(2, -1, 3, 4, 4)


def test_a_still_neither_changes_nor_flickers_and_even_change_does_not_flicker():
    assert frame_change(ramp(0)).tolist() == temporal_flicker(ramp(0)).tolist() == [0, 0]
    assert frame_change(ramp(0.1)).tolist() == pytest.approx([0.1, 0.1])
    assert temporal_flicker(ramp(0.1)).tolist() == pytest.approx([0, 0], abs=1e-12)


def test_alternation_flickers_four_times_its_amplitude():
    sign = torch.tensor([1.0, -1.0]).repeat(4).view(1, -1, 1, 1, 1).expand(2, -1, 3, 4, 4)
    assert temporal_flicker(0.5 + 0.01 * sign).tolist() == pytest.approx([0.04, 0.04], rel=1e-5)
    assert frame_change(0.5 + 0.01 * sign).tolist() == pytest.approx([0.02, 0.02], rel=1e-5)


def test_ratios_are_one_for_the_real_ones_and_zero_for_stills():
    real = torch.rand(2, 6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert flicker_ratio(real, real) == change_ratio(real, real) == 1
    still = real[:, :1].expand_as(real)
    assert flicker_ratio(real, still) == change_ratio(real, still) == 0
    assert flicker_ratio(real / 2, real) == pytest.approx(2)
    with pytest.raises(ValueError, match="do not change"):
        change_ratio(still, real)


@pytest.mark.parametrize(("measure", "frames"), [(frame_change, 1), (temporal_flicker, 2)])
def test_too_few_frames_are_refused(measure, frames):
    with pytest.raises(ValueError, match=f"T > {frames}"):
        measure(ramp(0.1, frames))
