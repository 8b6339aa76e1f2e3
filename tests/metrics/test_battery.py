"""All figures together: the truth, standing still, and jumps, on the heads' landmarks."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.clips.interface import identity_of
from fommvg_lib.landmark_motion import landmark_motion
from fommvg_lib.metrics.battery import MotionYardstick, RealClips, measure_motion
from fommvg_lib.metrics.measured import split_identities
from fommvg_lib.motion_generator import LinearMotion
from fommvg_lib.motion_generator.copy_first_frame import CopyFirstFrame
from fommvg_lib.packed_motion import PackedMotion

NUM_FRAMES = 30
NUM_KP = 23


@pytest.fixture(scope="module")
def sets():
    """Yardstick, truth, reference."""
    yardstick = MotionYardstick.fit(PackedMotion.from_clips(landmark_motion("train", 60)), NUM_FRAMES, True)
    clips = landmark_motion("test", 40, 2, NUM_FRAMES)
    windows, names = torch.stack([c.motion.vectors() for c in clips]), [identity_of(c.name) for c in clips]
    parts = [RealClips(windows[part], [names[i] for i in part]) for part in split_identities(names)]
    return yardstick, *parts


def known_at(*places):
    return torch.isin(torch.arange(NUM_FRAMES), torch.tensor(places) % NUM_FRAMES)


def measure(samples, sets, known, **other):
    yardstick, truth, reference = sets
    return measure_motion(samples, truth, reference, known, yardstick, NUM_KP, 25.0, num_draws=20, **other)


def test_the_truth_is_the_floor(sets):
    truth = sets[1].windows
    row = measure(truth[None], sets, known_at(0, -1))
    assert row["best_error"].value == row["mean_error"].value == 0
    assert row["start_jump"].value == row["end_jump"].value == 1
    assert 0.8 < row["jerk"].value < 1.25 and row["frozen_share"].value < 0.1
    assert row["blink_rate"].value == pytest.approx(0.5, abs=0.25) and 0.1 < row["blink_seconds"].value < 0.25
    assert "diversity" not in row
    for name, figure in row.items():
        assert figure.low <= figure.high and (figure.n, figure.num_identities) == (40, 20), name


def test_standing_still_is_frozen_alike_and_silent(sets):
    truth, known = sets[1].windows, known_at(0)
    pattern = known.expand(len(truth), -1)
    samples = LinearMotion(2 * NUM_KP, NUM_KP).complete(truth, pattern, 3)
    row = measure(samples, sets, known)
    assert row["frozen_share"].value == 1 and row["diversity"].value == row["jerk"].value == 0
    assert row["mouth_spread"].value == row["start_jump"].value == 0 and "end_jump" not in row
    assert "blink_seconds" not in row
    floor = measure(truth[None], sets, known)
    assert row["frechet_displacement"].value > 2 * floor["frechet_displacement"].value
    assert row["best_error"].value == row["mean_error"].value > 0.05


def test_a_copy_jumps_into_the_known_end_and_a_line_does_not(sets):
    truth, known = sets[1].windows, known_at(0, -1)
    pattern = known.expand(len(truth), -1)
    jumps = {}
    for method in (CopyFirstFrame(2 * NUM_KP, NUM_KP), LinearMotion(2 * NUM_KP, NUM_KP)):
        jumps[method.kind] = measure(method.complete(truth, pattern, 1), sets, known)["end_jump"].value
    assert jumps["copy-first-frame"] > 3 and jumps["linear"] < 1


def test_the_best_of_samples_is_at_most_the_mean_and_other_people_are_as_diverse_as_real(sets):
    truth, reference = sets[1].windows, sets[2].windows
    start = truth[:, :1]
    samples = torch.stack(
        [start + (x - x[:, :1]) for x in (reference, reference.roll(7, 0), reference.roll(20, 0))]
    )
    row = measure(samples, sets, known_at(0))
    assert 0 < row["best_error"].value < row["mean_error"].value
    assert row["diversity"].value == pytest.approx(1, abs=0.2)


def test_measuring_is_deterministic_and_follows_the_seed(sets):
    samples, known = sets[1].windows[None], known_at(0)
    first, again, other = (measure(samples, sets, known, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["jerk"].value == other["jerk"].value and first["jerk"].low != other["jerk"].low


def test_other_motion_has_no_face_figures(sets):
    yardstick, truth, reference = sets
    plain = MotionYardstick(yardstick.scale, yardstick.frozen_length)
    row = measure(truth.windows[None], (plain, truth, reference), known_at(0))
    assert not [name for name in row if name.startswith(("blink", "mouth"))]


def test_sets_that_do_not_fit_are_refused(sets):
    yardstick, truth, reference = sets
    with pytest.raises(ValueError, match="different people"):
        measure(truth.windows[None], (yardstick, truth, truth), known_at(0))
    with pytest.raises(ValueError, match="expected samples"):
        measure(truth.windows, sets, known_at(0))
    with pytest.raises(ValueError, match="frame 0"):
        measure(truth.windows[None], sets, known_at(3))
    with pytest.raises(ValueError, match="N names"):
        RealClips(truth.windows, ["a"])
