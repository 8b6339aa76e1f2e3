"""Methods compared on the same motion: closed cases."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.metrics.comparison import FLOOR, compare_completions
from fommvg_lib.motion_generator import LinearMotion

NUM_KP = 3


class Oracle:
    """Knows the motion; adds the same noise to every frame of a sample, as asked for."""

    kind, fps, frame_generator_hash = "oracle", None, None

    def __init__(self, real: torch.Tensor, noise: float) -> None:
        self.real, self.noise, self.num_dims = real, noise, real.shape[-1]
        self.saw_only_known = True

    def supports(self, known: torch.Tensor) -> bool:
        """Take any pattern."""
        return True

    def complete(self, motion, known, num_samples, generator):
        """Give the truth plus noise."""
        self.saw_only_known &= bool(motion[~known].isnan().all())
        drawn = torch.randn(num_samples, *self.real.shape, generator=generator)
        return self.real + self.noise * drawn


def motions(num_frames: int = 20) -> torch.Tensor:
    steps = torch.randn(6, num_frames, 2 * NUM_KP, generator=torch.Generator().manual_seed(1))
    return 0.01 * steps.cumsum(1)


def known_at(num_frames: int, *places: int) -> torch.Tensor:
    return torch.isin(torch.arange(num_frames), torch.tensor(places))


def test_the_truth_scores_perfectly_and_sees_nothing_unknown():
    real = motions()
    oracle = Oracle(real, 0.0)
    row = compare_completions({"oracle": oracle}, real, known_at(20, 0), NUM_KP)["oracle"]
    assert oracle.saw_only_known
    assert row["best_l1"] == 0 and row["spread"] == 0 and row["drift"] == pytest.approx(1)
    assert row["frechet_velocity"] == pytest.approx(0, abs=1e-9)


def test_more_samples_are_never_worse_and_noise_spreads():
    real = motions()
    rows = [
        compare_completions({"noisy": Oracle(real, 0.1)}, real, known_at(20, 0), NUM_KP, count)["noisy"]
        for count in (1, 8)
    ]
    assert rows[1]["best_l1"] <= rows[0]["best_l1"]
    assert rows[0]["spread"] == 0 and rows[1]["spread"] == pytest.approx(0.1 * 2 / torch.pi**0.5, rel=0.1)


def test_copying_is_frozen_and_the_real_halves_are_the_floor():
    real = motions()
    rows = compare_completions({"copy": LinearMotion(2 * NUM_KP, NUM_KP)}, real, known_at(20, 0), NUM_KP)
    assert rows["copy"]["frozen_share"] == 1 and rows["copy"]["drift"] == 0
    assert rows[FLOOR]["frechet_velocity"] < rows["copy"]["frechet_velocity"]
    assert "best_l1" not in rows[FLOOR]


def test_only_unknown_frames_and_places_are_scored():
    real = torch.cat([motions(), torch.randn(6, 20, 4 * NUM_KP)], dim=-1)
    shown = Oracle(real.clone(), 0.0)
    shown.real[:, 5] += 1.0  # a known frame
    shown.real[..., 2 * NUM_KP :] += 1.0  # Jacobians
    row = compare_completions({"o": shown}, real, known_at(20, 0, 5), NUM_KP)["o"]
    assert row["best_l1"] == 0


def test_a_pattern_that_is_not_supported_gives_no_row():
    real = motions()
    rows = compare_completions({"linear": LinearMotion(6, NUM_KP)}, real, known_at(20), NUM_KP)
    assert set(rows) == {FLOOR}


def test_too_few_motions_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        compare_completions({}, motions()[:3], known_at(20, 0), NUM_KP)
