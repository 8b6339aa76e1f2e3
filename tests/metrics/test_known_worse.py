"""Ladders spoil as they say, and metrics answer as the table says: some see, some are blind."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from fommvg_lib.metrics.frechet import frechet_distance
from fommvg_lib.metrics.image import l1, psnr, ssim
from fommvg_lib.metrics.known_worse import LADDERS, climb, judge, sight_table
from fommvg_lib.metrics.random_features import RandomFeatures
from fommvg_lib.metrics.temporal import change_ratio, flicker_ratio
from fommvg_lib.metrics.video_distance import collect_features
from fommvg_lib.synthetic import render_clip

LEVELS = {name: ladder.levels for name, ladder in LADDERS.items()}


@cache
def heads(count=4, frames=8):
    clips = np.stack([render_clip(person, 0, frames, 32).frames for person in range(count)])
    return torch.from_numpy(clips).permute(0, 1, 4, 2, 3).float() / 255


def of_frames(measure, sign=1):
    return lambda real, made: (
        sign * measure(real.flatten(0, 1), made.flatten(0, 1)).clamp(max=100).mean().item()
    )


PAIRED = {"l1": of_frames(l1), "psnr": of_frames(psnr, -1), "ssim": of_frames(ssim, -1)}


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_begins_with_the_real_video_and_repeats_itself(name):
    ladder, videos = LADDERS[name], heads()
    seeds = [torch.Generator().manual_seed(seed) for seed in (0, 0, 0)]
    first, last, again = (
        ladder.spoil(videos, level, seed)
        for level, seed in zip((ladder.levels[0], ladder.levels[-1], ladder.levels[-1]), seeds, strict=True)
    )
    assert torch.equal(first, videos) and torch.equal(last, again)
    assert (
        last.shape == videos.shape and not torch.equal(last, videos) and last.min() >= 0 and last.max() <= 1
    )
    assert sorted(ladder.levels) == list(ladder.levels)


def test_freezing_and_shuffling_touch_the_order_of_frames_only():
    videos = heads()
    frozen = LADDERS["freeze"].spoil(videos, 1, torch.Generator())
    assert torch.equal(frozen, videos[:, :1].expand_as(videos))
    shuffled = LADDERS["shuffle"].spoil(videos, 0.5, torch.Generator().manual_seed(0))
    for clip, real in zip(shuffled, videos, strict=True):
        places = [[torch.equal(frame, other) for other in real].index(True) for frame in clip]
        assert sorted(places) == list(range(8)) and sum(a != b for a, b in enumerate(places)) == 4


def test_metrics_against_the_truth_see_every_defect():
    table = sight_table(PAIRED, heads())
    assert table[0] == ("metric", *LADDERS)
    assert [row[1:] for row in table[1:]] == [("sees",) * len(LADDERS)] * len(PAIRED)


def test_change_and_flicker_see_one_side_each():
    metrics = {"flicker": flicker_ratio, "stillness": lambda real, made: -change_ratio(real, made)}
    rows = {row[0]: dict(zip(LADDERS, row[1:], strict=True)) for row in sight_table(metrics, heads())[1:]}
    assert rows["flicker"]["jitter"] == "sees" and rows["flicker"]["shuffle"] in ("sees", "partly")
    assert rows["flicker"]["blur"] == rows["flicker"]["freeze"] == "misled"
    assert rows["stillness"]["freeze"] == rows["stillness"]["blur"] == "sees"
    assert rows["stillness"]["shuffle"] == rows["stillness"]["jitter"] == "misled"


@cache
def real_features():
    return collect_features(heads(), RandomFeatures())


@pytest.mark.parametrize("name", LADDERS)
def test_the_random_video_distance_sees_every_defect(name):
    def distance(real, made):
        return frechet_distance(real_features(), collect_features(made, RandomFeatures()))

    assert climb(distance, heads(), LADDERS[name]).verdict == "sees"


def test_a_distance_of_pooled_frames_is_blind_to_their_order():
    def colours(real, made):
        return frechet_distance(*(x.mean(dim=(-2, -1)).flatten(0, 1) for x in (real, made)))

    assert climb(colours, heads(), LADDERS["shuffle"]).verdict == "blind"
    assert climb(colours, heads(), LADDERS["freeze"]).verdict != "blind"


def test_other_clips_can_be_spoilt():
    sight = climb(PAIRED["l1"], heads()[:2], LADDERS["blur"], others=heads()[2:])
    assert sight.values[0] > 0 and len(sight.values) == len(LEVELS["blur"])


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0, 1, 2), "sees"),
        ((0, 2, 1), "partly"),
        ((0, 0, 0), "blind"),
        ((1, 1 + 1e-9, 1), "blind"),
        ((2, 1, 0), "misled"),
        ((1, 3, 1), "misled"),
        ((-3, -2, -1), "sees"),
    ],
)
def test_verdicts(values, verdict):
    assert judge(values) == verdict


@pytest.mark.parametrize("values", [(1,), (0, float("nan")), (0, float("inf"))])
def test_values_that_cannot_be_judged_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        judge(values)
