"""Facts about the windows in which a long motion is completed."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fommvg_lib.motion_generator.flow_windows import Window, plan_windows


def pattern(num_frames, *places):
    known = torch.zeros(num_frames, dtype=torch.bool)
    known[list(places)] = True
    return known


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.integers(4, 40), st.lists(st.booleans(), min_size=1, max_size=150).filter(any))
def test_every_unknown_frame_is_kept_once_and_every_window_knows_a_frame(longest, row):
    known = torch.tensor(row)
    finished = known.clone()
    for window in plan_windows(known, longest):
        assert 0 <= window.start <= window.keep_start < window.keep_stop <= window.stop <= len(row)
        assert window.stop - window.start <= longest
        assert finished[window.start : window.stop].any()
        new = ~finished[window.keep_start : window.keep_stop]
        assert new.any()
        finished[window.keep_start : window.keep_stop] = True
    assert finished.all()


def test_what_fits_is_one_window_and_what_is_known_is_none():
    assert plan_windows(pattern(64, 3), 64) == [Window(0, 64, 0, 64)]
    assert plan_windows(torch.ones(9, dtype=torch.bool), 4) == []


def test_windows_overlap_by_a_quarter():
    plan = plan_windows(pattern(200, 0), 64)
    assert [(w.start, w.stop) for w in plan] == [(0, 64), (48, 112), (96, 160), (144, 200)]
    assert all(after.keep_start == before.stop for before, after in zip(plan, plan[1:], strict=False))


def test_what_lies_before_the_first_known_frame_is_made_backwards():
    plan = plan_windows(pattern(100, 99), 64)
    assert [(w.start, w.stop, w.keep_start, w.keep_stop) for w in plan] == [
        (36, 100, 36, 99),
        (0, 52, 0, 36),
    ]


def test_a_known_frame_just_behind_a_window_is_approached_in_the_next_one():
    plan = plan_windows(pattern(100, 0, 66), 64)
    assert (plan[0].keep_start, plan[0].keep_stop) == (1, 66 - 24)
    assert plan[1].start == 42 - 16 and plan[1].stop > 66
