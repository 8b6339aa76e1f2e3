"""What the recipes of the completers share: figures and pictures of held-out motion between two ends."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.metrics.frechet import pooled_frechet
from fommvg_lib.metrics.motion import best_of_n_l1
from fommvg_lib.motion_generator.linear import LinearMotion
from fommvg_lib.training.recipes.motion import STREAM_CHECK, MotionRecipe, seeded

NUM_CHECK_FRAMES = (12, 32)
NUM_CHECK_SAMPLES = 5


class BetweenRecipe(MotionRecipe):
    """Base of the recipes whose model completes what lies between both ends; see `MotionRecipe`.

    Attributes:
        check_lengths: frames of the held-out windows that figures are of.
    """

    check_lengths: tuple[int, ...] = NUM_CHECK_FRAMES

    def _complete(self, windows: Tensor, num_samples: int) -> tuple[Tensor, Tensor]:
        """Complete held-out windows (N, T, D): samples (S, N, T, D) and the straight path (N, T, D)."""
        known = torch.zeros(windows.shape[:2], dtype=torch.bool)
        known[:, [0, -1]] = True
        generator = seeded(self.config.seed, 0, STREAM_CHECK)
        samples = self.for_use("model").complete(windows, known, num_samples, generator)
        return samples, LinearMotion(self.train.num_dims, self.train.num_kp).complete(windows, known)[0]

    def validate(self, step: int) -> dict[str, float]:
        """Compare held-out windows with the best of 5 samples, beside the straight path.

        `best_of_5_T` is the L1 over the straight path's, `frechet_velocity_T` the Fréchet distance of
        velocities over the straight path's, each for keypoint places and for all D numbers.
        """
        figures = {}
        for length in self.check_lengths:
            real = self.held_out_windows(length)
            samples, straight = self._complete(real, NUM_CHECK_SAMPLES)
            unknown = torch.ones(real.shape[:2], dtype=torch.bool)
            unknown[:, [0, -1]] = False
            for name, part in (("value", slice(0, 2 * self.train.num_kp)), ("all", slice(None))):
                best = best_of_n_l1(real[..., part], samples[..., part], unknown)
                base = best_of_n_l1(real[..., part], straight[None, ..., part], unknown)
                ours, line = (pooled_frechet(real[..., part], x[..., part]) for x in (samples[0], straight))
                figures[f"best_of_5_{length}_{name}"] = best / base
                figures[f"frechet_velocity_{length}_{name}"] = ours.velocity / line.velocity
        return figures

    def sample_motions(self) -> dict[str, Tensor]:
        """Give a held-out window, a completion of it and the straight path."""
        real = self.picture_window(self.check_lengths[-1])
        samples, straight = self._complete(real, 1)
        return {"real": real[0], "completed": samples[0, 0], "straight": straight[0]}


def straight_path(path: Tensor, num_frames: int | None = None) -> Tensor:
    """Give the straight path (B, T, C) between the ends of a path, in as many frames or in T."""
    fraction = torch.linspace(0, 1, num_frames or path.shape[1], device=path.device, dtype=path.dtype)[
        :, None
    ]
    return torch.lerp(path[:, :1], path[:, -1:], fraction)
