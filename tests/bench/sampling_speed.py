"""Inventing 59 frames for 64 images by published VP: the library's `complete` against step by step.

The plain side (`_plain_vp.py`) is the published rollout without gradients, from the same weights and noise;
what both make is compared. Processor time counts, medians over calls in turn.
Run alone: `python -m tests.bench.sampling_speed`.
"""

from __future__ import annotations

import copy
import time

import torch
from torch import Tensor

from fommvg_lib.motion_generator.patterns import draw_noise
from fommvg_lib.motion_generator.video_prediction import VideoPrediction
from tests.bench._plain_vp import PlainPrediction
from tests.bench._turns import WARM_UP, show_speed
from tests.bench.vp_step_speed import build

NUM_IMAGES, NUM_NEW = 64, 59
REPEATS, TARGET = 40, 5.0


class Plain:
    """The straightforward rollout, with the weights of a model."""

    def __init__(self, model: VideoPrediction) -> None:
        self.network = PlainPrediction(copy.deepcopy(model.network).eval())

    @torch.no_grad()
    def __call__(self, motion: Tensor, known: Tensor, seed: int) -> Tensor:
        """Give (1, B, T, D)."""
        shape = len(motion), motion.shape[1] - 1, self.network.frnn.input_size
        noise = draw_noise(1, shape, torch.Generator().manual_seed(seed))[0]
        return torch.stack(self.network(motion[:, 0], noise)[0], dim=1)[None]


def request(model: VideoPrediction, num_images: int, num_new: int) -> tuple[Tensor, Tensor]:
    """Give motion (B, T, D) of which the first frame alone is known, and that pattern (B, T)."""
    motion = torch.full((num_images, num_new + 1, model.num_dims), float("nan"))
    motion[:, 0] = 0.6 * torch.rand(num_images, model.num_dims, generator=torch.Generator().manual_seed(0))
    known = torch.zeros(num_images, num_new + 1, dtype=torch.bool)
    known[:, 0] = True
    return motion, known


def measure() -> dict[str, float]:
    """Measure and print; give the figures."""
    torch.set_num_threads(1)
    model = build().model.eval()
    plain, (motion, known) = Plain(model), request(model, NUM_IMAGES, NUM_NEW)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    difference = 0.0
    for seed in range(WARM_UP + REPEATS):
        began = time.process_time()
        theirs = plain(motion, known, seed)
        between = time.process_time()
        ours = model.complete(motion, known, 1, torch.Generator().manual_seed(seed))
        times["plain"].append(between - began)
        times["ours"].append(time.process_time() - between)
        difference = max(difference, (ours - theirs).abs().max().item())
    times = {side: values[WARM_UP:] for side, values in times.items()}
    return show_speed(
        "sampling", times, difference, TARGET, f"{NUM_NEW} frames for {NUM_IMAGES} images, D 100"
    )


if __name__ == "__main__":
    measure()
