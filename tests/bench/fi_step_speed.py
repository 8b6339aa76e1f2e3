"""One training step of published FI at batch 600, T 16, D 100: the library's against step by step.

The plain side (`_plain_fi.py`) starts from the same weights and draws the same noise; both do the same steps
in turn and their losses are compared. The critic scores all 8 pairs of ends, as at the end of the curriculum.
Processor time counts, medians over steps in turn. Run alone: `python -m tests.bench.fi_step_speed`.
"""

from __future__ import annotations

import copy

import torch

from fommvg_lib.config.motion import FrameInterpolationConfig
from fommvg_lib.share import WHOLE
from fommvg_lib.training.recipe import Batch
from fommvg_lib.training.recipes.frame_interpolation import FrameInterpolationRecipe
from fommvg_lib.training.recipes.motion import STREAM_NOISE
from tests.bench._plain_fi import PlainInterpolationStep
from tests.bench._turns import Products, compare_steps, motion_of, show_bound, show_speed

REPEATS, TARGET = 12, 2.5


def build(batch_size: int = 600, num_kp: int = 50) -> FrameInterpolationRecipe:
    """Build the recipe, with a curriculum of one epoch, an epoch of one step."""
    config = FrameInterpolationConfig(
        form="legacy", batch_size=batch_size, num_epochs=10**6, epoch_size=1, d_update_epoch=1
    )
    return FrameInterpolationRecipe(config, motion_of(num_kp, has_jacobian=False))


class Plain:
    """The straightforward step with weights, noise and rates of a recipe that is left alone."""

    def __init__(self, recipe: FrameInterpolationRecipe) -> None:
        self.recipe, networks = recipe, recipe.networks
        parts = recipe.model.network, networks["recover"], networks["critic"]
        parts = (part.train() for part in copy.deepcopy(parts))
        self.step = PlainInterpolationStep(*parts, recipe.config.learning_rate)

    def __call__(self, batch: Batch, step: int) -> dict[str, float]:
        """Do a step."""
        config, real = self.recipe.config, batch["windows"]
        noise = self.recipe.randn(
            step, STREAM_NOISE, WHOLE, len(real), config.max_seq_len - 2, config.noise_dim
        )
        num_scored = min(step + 1, config.max_seq_len // 2)
        return self.step(batch["frames"].unbind(dim=1), real, noise, num_scored, config.weight_lm)


def products(config: FrameInterpolationConfig, num_dims: int) -> Products:
    """List the matrix products of a step at the end of the curriculum, those of the encoder left out.

    A layer's three are its output, the gradient of its input and that of its weights.
    """
    batch, width, frames = config.batch_size, config.hidden_dim, config.max_seq_len - 2
    inner, scored = frames * batch, config.max_seq_len // 2 * batch
    recurrent = [
        (2 * frames, batch, width, 4 * width),
        (2 * frames, batch, 4 * width, width),
        (2, inner, config.noise_dim, 4 * width),  # the noise needs no gradient
        (4, 4 * width, inner, width),
    ]
    layers = [(3, inner, 2 * width, num_dims), (3 * 5, inner, num_dims, num_dims)]  # pred, noise recovery
    in_generator = [(1, scored, 4 * num_dims, 100), (1, scored, 100, 2 * num_dims), (2, scored, 100, 100)]
    in_critic = [(2, 2 * scored, 4 * num_dims, 100), (3, 2 * scored, 100, 100)]
    return [*recurrent, *layers, *in_generator, *in_critic]


def measure() -> dict[str, float]:
    """Measure and print; give the figures."""
    torch.set_num_threads(1)
    recipe = build()
    times, difference = compare_steps(recipe, Plain(recipe), recipe.config.max_seq_len, REPEATS)
    figures = show_speed("fi_step", times, difference, TARGET, "batch 600, T 16, D 100, D_len 8")
    return figures | show_bound("fi_step", figures, products(recipe.config, recipe.train.num_dims))


if __name__ == "__main__":
    measure()
