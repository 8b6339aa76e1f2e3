"""The figures that evaluations give: their order, unit, and which way is better.

Figures of sets (distances, and shares or ratios of sums) are taken of all clips together, the others are
means over clips.
"""

from __future__ import annotations

from dataclasses import dataclass

LOWER, HIGHER, NEAR_ONE = "lower", "higher", "near 1"


@dataclass(frozen=True)
class Metric:
    """What a column of the table shows.

    Attributes:
        what: in words, with its unit.
        better: which way; None where it is neither.
        unit: as short as an axis wants it; distances of features and similarities have none.
    """

    what: str
    better: str | None
    unit: str = ""


METRICS = {
    "l1": Metric("mean absolute difference, pictures in [0, 1]", LOWER, "pictures in [0, 1]"),
    "l1_best": Metric("mean absolute difference, best sample of each clip", LOWER, "pictures in [0, 1]"),
    "l1_mean": Metric("mean absolute difference, mean over samples", LOWER, "pictures in [0, 1]"),
    "psnr": Metric("peak signal to noise ratio of a clip's mean squared error, dB", HIGHER, "dB"),
    "psnr_best": Metric("peak signal to noise ratio, best sample of each clip", HIGHER, "dB"),
    "psnr_mean": Metric("peak signal to noise ratio, mean over samples", HIGHER, "dB"),
    "ssim": Metric("structural similarity", HIGHER),
    "ssim_best": Metric("structural similarity, best sample of each clip", HIGHER),
    "ssim_mean": Metric("structural similarity, mean over samples", HIGHER),
    "ms_ssim": Metric("structural similarity over five scales", HIGHER),
    "lpips": Metric("LPIPS", LOWER),
    "lpips_best": Metric("LPIPS, best sample of each clip", LOWER),
    "lpips_mean": Metric("LPIPS, mean over samples", LOWER),
    "akd": Metric("distance of landmarks found in both videos, px; animation: of their ways", LOWER, "px"),
    "mkr": Metric("share of the real video's landmarks that are not found in the made one", LOWER, "share"),
    "aed": Metric("distance of identity embeddings; animation: to the source's", LOWER),
    "random_video_distance": Metric("Fréchet distance of random features of videos (no FVD)", LOWER),
    "fvd": Metric("Fréchet video distance, I3D", LOWER),
    "fid": Metric("Fréchet inception distance of single frames", LOWER),
    "flicker": Metric("second difference over time, over that of the real videos", NEAR_ONE, "real = 1"),
    "change": Metric("change from frame to frame, over that of the real videos", NEAR_ONE, "real = 1"),
    "pixel_diversity": Metric(
        "mean absolute difference of two samples of one clip", None, "pictures in [0, 1]"
    ),
    "pixel_end_jump": Metric(
        "change into the known last frame, over that of the real videos", NEAR_ONE, "real = 1"
    ),
    "motion_error": Metric("distance of keypoints from the real ones, picture = 2", LOWER, "picture = 2"),
    "frechet_displacement": Metric(
        "Fréchet distance of keypoints' ways to those of other people's clips", LOWER
    ),
    "frechet_velocity": Metric("Fréchet distance of keypoints' velocities", LOWER),
    "frechet_acceleration": Metric("Fréchet distance of keypoints' accelerations", LOWER),
    "diversity": Metric("distance of two samples' ways over that of two real clips", None, "real = 1"),
    "frozen_share": Metric(
        "share of clips that go a shorter way than the real first percentile", LOWER, "share"
    ),
    "jerk": Metric("third difference of keypoints, over that of real clips", NEAR_ONE, "real = 1"),
    "start_jump": Metric("keypoints' step out of the first frame, over the real one", NEAR_ONE, "real = 1"),
    "end_jump": Metric("keypoints' step into the last frame, over the real one", NEAR_ONE, "real = 1"),
}
"""By name, in the order of the columns."""


def in_order(names: set[str]) -> list[str]:
    """Give names of metrics in the order of the columns; unknown ones last, by name."""
    return [name for name in METRICS if name in names] + sorted(names - set(METRICS))
