"""Facts about the motion set in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.packed_motion import PackedMotion
from tests.motion_cases import wandering_clips


def counting_clips(lengths):
    """Clip c, frame t has the numbers (c, t)."""
    clips = []
    for index, length in enumerate(lengths):
        rows = torch.stack([torch.full((length,), float(index)), torch.arange(float(length))], dim=-1)
        clips.append(MotionClip(Motion(rows[:, None]), 25.0, (64, 64), str(index), "", "w"))
    return clips


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_fifty_frames_give_three_clips_of_sixteen():
    packed = PackedMotion.from_clips(counting_clips([50]))
    assert packed.window_starts(0, 16, 16).tolist() == [0, 16, 32]
    assert packed.every_window(16)[:, 0, 1].tolist() == [0, 16, 32]


def test_windows_never_cross_clips():
    packed = PackedMotion.from_clips(counting_clips([7, 30, 5, 12]))
    windows, clips = packed.draw(500, 6, seeded())
    assert (windows[:, :, 0] == clips[:, None]).all()
    assert (windows[:, :, 1].diff(dim=1) == 1).all()
    assert set(clips.tolist()) == {0, 1, 3}


def test_every_position_is_equally_likely():
    packed = PackedMotion.from_clips(counting_clips([6, 8]))
    windows, _ = packed.draw(8000, 5, seeded())
    _, counts = torch.unique(windows[:, 0], dim=0, return_counts=True)
    assert len(counts) == 2 + 4 and (counts.float() / 8000 - 1 / 6).abs().max() < 0.02


def test_a_stride_draws_from_non_overlapping_windows():
    packed = PackedMotion.from_clips(counting_clips([50, 15, 16]))
    windows, _ = packed.draw(300, 16, seeded(), stride=16)
    starts = {(int(clip), int(frame)) for clip, frame in windows[:, 0]}
    assert starts == {(0, 0), (0, 16), (0, 32), (2, 0)}


def test_frames_are_of_the_clip_asked_for():
    packed = PackedMotion.from_clips(counting_clips([3, 9]))
    clips = torch.tensor([0, 1, 1, 0] * 50)
    frames = packed.draw_frames(clips, seeded())
    assert (
        (frames[:, 0] == clips).all()
        and frames[clips == 1, 1].max() == 8
        and frames[clips == 0, 1].max() == 2
    )


def test_every_eighth_clip_is_held_out():
    packed = PackedMotion.from_clips(counting_clips([5] * 17))
    train, held = packed.split()
    assert held.names == ("7", "15") and len(train) == 15 and not set(train.names) & set(held.names)
    assert (held.every_window(5)[:, 0, 0]).tolist() == [7, 15]


def test_small_sets_hold_nothing_out():
    packed = PackedMotion.from_clips(counting_clips([5] * 7))
    train, held = packed.split()
    assert train is held is packed


def test_windows_longer_than_every_clip_are_refused():
    packed = PackedMotion.from_clips(counting_clips([5, 8]))
    for call in (lambda: packed.draw(2, 9, seeded()), lambda: packed.every_window(9)):
        with pytest.raises(InputError, match="the longest has 8"):
            call()


def test_mixed_and_empty_sets_are_refused():
    first, second = wandering_clips(2)
    with pytest.raises(InputError, match="mixes"):
        PackedMotion.from_clips([first, replace(second, fps=30.0)])
    with pytest.raises(InputError, match="empty"):
        PackedMotion.from_clips([])
