"""All that is measured of completed motion, each figure with its interval.

Two sets of real clips take part, of different people: the `reference`, which nothing is generated for, and
the `truth`, whose known frames the methods complete. Distances of distributions are between reference and
generated clips, so that the truth itself, put in a method's place, gives the floor: real against real at the
same n. Errors are against the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from fommvg_lib.metrics import face, motion
from fommvg_lib.metrics.frechet import MotionScale, WeightedFrechet, clip_points
from fommvg_lib.metrics.measured import NUM_DRAWS, Measured, bootstrap, weighted_mean
from fommvg_lib.packed_motion import PackedMotion


@dataclass(frozen=True)
class MotionYardstick:
    """What is taken from the training set: units, and what counts as frozen or as an open mouth.

    Attributes:
        scale: units of the Fréchet distances.
        frozen_length: path length below which a clip counts as frozen.
        mouth: levels of an opening mouth; None for motion that is no landmark motion.
    """

    scale: MotionScale
    frozen_length: float
    mouth: face.MouthLevels | None = None

    @classmethod
    def fit(cls, train: PackedMotion, num_frames: int, is_landmarks: bool = False) -> MotionYardstick:
        """Measure all training windows of `num_frames` frames, the length that is to be judged.

        Raises:
            InputError: if no clip is long enough.
        """
        windows = train.every_window(num_frames)
        places = _places(windows, train.num_kp)
        levels = face.MouthLevels.fit(places) if is_landmarks else None
        return cls(MotionScale.fit(windows), motion.frozen_length(places), levels)


@dataclass(frozen=True)
class RealClips:
    """Real windows (N, T, D), raw, and who each shows: N names."""

    windows: Tensor
    identities: Sequence[str]

    def __post_init__(self) -> None:
        """Check that names and windows agree."""
        if self.windows.ndim != 3 or len(self.windows) != len(self.identities) or len(self.windows) < 2:
            raise ValueError(
                f"expected windows (N, T, D), N >= 2, and N names, got {tuple(self.windows.shape)} "
                f"and {len(self.identities)}"
            )


def measure_motion(
    samples: Tensor,
    truth: RealClips,
    reference: RealClips,
    known: Tensor,
    yardstick: MotionYardstick,
    num_kp: int,
    fps: float,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
) -> dict[str, Measured]:
    """Measure completions of the truth's known frames.

    Args:
        samples: (S, N, T, D), S completions of each of the truth's clips; the truth itself (1, N, T, D) for
            the floor.
        truth: N clips.
        reference: M clips of other people.
        known: (T,) bool, frames that were given; frame 0 is one of them.
        yardstick: of the training set.
        num_kp: K.
        fps: frames per second.
        seed: of the intervals.
        num_draws: bootstrap draws of each interval.

    Returns:
        By name:
        `frechet_displacement`, `frechet_velocity`, `frechet_acceleration`: the first sample to the reference;
        `best_error`, `mean_error`: displacement error of the best and of all samples, units of [-1, 1];
        `diversity`: distance of two samples of one condition over that of two real clips, where S >= 2;
        `frozen_share`: of the clips, those whose path is shorter than the real first percentile;
        `jerk`: over that of the reference;
        `start_jump`, `end_jump`: steps out of the first and into the last frame over the truth's, where those
        are known and their neighbours are not;
        of landmarks also `blink_rate` (1/s), `blink_seconds` (where there is a blink), `mouth_opening` and
        its `mouth_spread` over time (in distances of the eyes), `mouth_rate` (openings, 1/s).

    Raises:
        ValueError: if shapes disagree, a person is in both sets, or frame 0 is not known.
    """
    _check(samples, truth, reference, known)
    measure = _Measurement(samples, truth, reference, known, yardstick, num_kp, fps, seed, num_draws)
    return {**measure.frechet(), **measure.errors(), **measure.liveliness(), **measure.faces()}


class _Measurement:
    """The same arguments for all groups of figures."""

    def __init__(self, samples, truth, reference, known, yardstick, num_kp, fps, seed, num_draws) -> None:
        self.raw, self.truth, self.reference, self.known = samples, truth, reference, known
        self.yardstick, self.fps, self.seed, self.num_draws = yardstick, fps, seed, num_draws
        self.samples, self.real, self.other = (
            _places(x, num_kp) for x in (samples, truth.windows, reference.windows)
        )

    def frechet(self) -> dict[str, Measured]:
        made = clip_points(self.raw[0], self.yardstick.scale)
        real = clip_points(self.reference.windows, self.yardstick.scale)
        sets = self.truth.identities, self.reference.identities
        figures = {}
        for name in made:
            products = WeightedFrechet(made[name], real[name])
            figures[f"frechet_{name}"] = bootstrap(
                products.distance, sets, self.seed, self.num_draws, recentre=True
            )
        return figures

    def errors(self) -> dict[str, Measured]:
        unknown = ~self.known
        error = motion.displacement_error_by_clip(self.real, self.samples, unknown)
        figures = {
            "best_error": self._mean(error.min(dim=0).values),
            "mean_error": self._mean(error.mean(dim=0)),
        }
        if len(self.samples) > 1:
            apart = motion.sample_distance_by_clip(self.samples, unknown)
            real_apart = motion.clip_distances(self.other, unknown)
            figures["diversity"] = self._against_reference(
                lambda ours, theirs: weighted_mean(apart, ours) / motion.mean_pair(real_apart, theirs)
            )
        return figures

    def liveliness(self) -> dict[str, Measured]:
        frozen = motion.path_length(self.samples) < self.yardstick.frozen_length
        jerk = motion.jerk_by_clip(self.samples).mean(dim=0)
        real_jerk = motion.jerk_by_clip(self.other)
        figures = {
            "frozen_share": self._mean(frozen.double().mean(dim=0)),
            "jerk": self._against_reference(
                lambda ours, theirs: weighted_mean(jerk, ours) / weighted_mean(real_jerk, theirs)
            ),
        }
        for name, step, given, made in (("start_jump", 0, 0, 1), ("end_jump", -1, -1, -2)):
            if self.known[given] and not self.known[made]:
                jump = motion.jump_by_clip(self.samples, step).mean(dim=0)
                figures[name] = self._ratio(jump, motion.jump_by_clip(self.real, step))
        return figures

    def faces(self) -> dict[str, Measured]:
        if self.yardstick.mouth is None:
            return {}
        blinks = face.count_blinks(self.samples)
        closed, count = blinks.closed_frames.mean(dim=0), blinks.blinks.mean(dim=0)
        opening = face.mouth_opening(self.samples)
        openings = face.count_openings(self.samples, self.yardstick.mouth).mean(dim=0)
        seconds = self.samples.shape[2] / self.fps
        figures = {
            "blink_rate": self._mean(count / seconds),
            "mouth_opening": self._mean(opening.mean(dim=(0, -1))),
            "mouth_spread": self._mean(opening.std(dim=-1).mean(dim=0)),
            "mouth_rate": self._mean(openings / seconds),
        }
        if count.sum() > 0:
            figures["blink_seconds"] = self._ratio(closed / self.fps, count)
        return figures

    def _mean(self, by_clip: Tensor) -> Measured:
        return self._own(lambda weights: weighted_mean(by_clip, weights))

    def _ratio(self, above: Tensor, below: Tensor) -> Measured:
        def statistic(weights: Tensor) -> float:
            total = (below.double() * weights).sum().item()
            return (above.double() * weights).sum().item() / total if total > 0 else float("nan")

        return self._own(statistic)

    def _own(self, statistic) -> Measured:
        return bootstrap(statistic, [self.truth.identities], self.seed, self.num_draws)

    def _against_reference(self, statistic) -> Measured:
        sets = [self.truth.identities, self.reference.identities]
        return bootstrap(statistic, sets, self.seed, self.num_draws)


def _places(windows: Tensor, num_kp: int) -> Tensor:
    """Give keypoint places (..., T, K, 2) of raw vectors (..., T, D)."""
    return windows[..., : 2 * num_kp].unflatten(-1, (num_kp, 2)).double()


def _check(samples: Tensor, truth: RealClips, reference: RealClips, known: Tensor) -> None:
    if samples.ndim != 4 or samples.shape[1:] != truth.windows.shape:
        raise ValueError(f"expected samples (S, *{tuple(truth.windows.shape)}), got {tuple(samples.shape)}")
    if reference.windows.shape[1:] != truth.windows.shape[1:] or known.shape != truth.windows.shape[1:2]:
        raise ValueError("reference, truth and pattern of known frames disagree in length or layout")
    if not bool(known[0]):
        raise ValueError("frame 0 is not known, displacements count from it")
    both = sorted(set(truth.identities) & set(reference.identities))
    if both:
        raise ValueError(f"{both[0]} is in the truth and in the reference, which must show different people")
