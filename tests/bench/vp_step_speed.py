"""One training step of published VP at batch 300, T 16, D 100: the library's against step by step.

The plain side (`_plain_vp.py`) starts from the same weights and draws the same noise; both do the same steps
in turn and their losses are compared. The critic scores all 15 differences, as at the end of the curriculum.
Processor time counts, medians over steps in turn. Run alone: `python -m tests.bench.vp_step_speed`.
"""

from __future__ import annotations

import copy

import torch

from fommvg_lib.config.motion import VideoPredictionConfig
from fommvg_lib.share import WHOLE
from fommvg_lib.training.recipe import Batch
from fommvg_lib.training.recipes.motion import STREAM_CRITIC, STREAM_NOISE
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from tests.bench._plain_vp import PlainPredictionStep
from tests.bench._turns import compare_steps, motion_of, show_speed

REPEATS, TARGET = 30, 4.0


def build(batch_size: int = 300, num_kp: int = 50) -> VideoPredictionRecipe:
    """Build the recipe, with a curriculum of one epoch, an epoch of one step."""
    config = VideoPredictionConfig(
        form="legacy", batch_size=batch_size, num_epochs=10**6, epoch_size=1, d_update_epoch=1
    )
    return VideoPredictionRecipe(config, motion_of(num_kp, has_jacobian=False))


class Plain:
    """The straightforward step with weights, noise and rates of a recipe that is left alone."""

    def __init__(self, recipe: VideoPredictionRecipe) -> None:
        self.recipe, config = recipe, recipe.config
        network, critic = copy.deepcopy((recipe.model.network, recipe.networks["critic"]))
        rates = config.learning_rate_generator, config.learning_rate
        self.step = PlainPredictionStep(network.train(), critic.train(), rates)

    def __call__(self, batch: Batch, step: int) -> dict[str, float]:
        """Do a step."""
        config, real = self.recipe.config, batch["windows"]
        shape = len(real), config.max_seq_len - 1, config.noise_dim
        streams = STREAM_NOISE, STREAM_CRITIC
        noises = tuple(self.recipe.randn(step, stream, WHOLE, *shape) for stream in streams)
        num_scored = min(step + 1, config.max_seq_len - 1)
        return self.step(batch["frames"][:, 0], real, noises, num_scored, config.weight_moments)


def measure() -> dict[str, float]:
    """Measure and print; give the figures."""
    torch.set_num_threads(1)
    recipe = build()
    times, difference = compare_steps(recipe, Plain(recipe), recipe.config.max_seq_len, REPEATS)
    return show_speed("vp_step", times, difference, TARGET, "batch 300, T 16, D 100, D_len 15")


if __name__ == "__main__":
    measure()
