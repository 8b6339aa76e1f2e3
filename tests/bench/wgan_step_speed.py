"""One training step of the published adversarial completer at batch 8, T 16, D 60: ours against cell by cell.

The plain side (`_plain_wgan.py`) starts from the same weights and draws the same noise; both do the same
steps in turn and their losses are compared. A step is a fifth of the published cycle of five updates of the
critic and one of the generator. Both constraints: weights clipped (published), and the gradient penalty that
the published code holds but does not use. Processor time counts, medians over cycles in turn.
Run alone: `python -m tests.bench.wgan_step_speed`.
"""

from __future__ import annotations

import copy

import torch

from fommvg_lib.config.completers import WganConfig
from fommvg_lib.share import WHOLE
from fommvg_lib.training.recipe import Batch
from fommvg_lib.training.recipes.motion import STREAM_CRITIC, STREAM_NOISE, seeded
from fommvg_lib.training.recipes.wgan import STREAM_MIX, WganRecipe
from tests.bench._plain_wgan import PlainWganStep
from tests.bench._turns import Products, compare_steps, motion_of, show_bound, show_speed

REPEATS, TARGET = 100, 2.0


def build(constraint: str, num_kp: int = 10, **changes: int) -> WganRecipe:
    """Build the recipe."""
    config = WganConfig(form="legacy", constraint=constraint, **changes)
    return WganRecipe(config, motion_of(num_kp, has_jacobian=True))


class Plain:
    """The straightforward step with weights, noise and rates of a recipe that is left alone."""

    def __init__(self, recipe: WganRecipe) -> None:
        self.recipe, config = recipe, recipe.config
        network, critic = copy.deepcopy((recipe.model.network, recipe.networks["critic"]))
        self.step = PlainWganStep(
            network.train(), critic.train(), config.learning_rate, config.chosen_constraint
        )

    def __call__(self, batch: Batch, step: int) -> dict[str, float]:
        """Do a step."""
        config, real = self.recipe.config, self.recipe.model.scaling.scale(batch["windows"])
        shape = *real.shape[:2], config.noise_dim
        noise = self.recipe.randn(step, STREAM_CRITIC, WHOLE, *shape)
        share_real = torch.rand(len(real), generator=seeded(config.seed, step, STREAM_MIX))
        terms = self.step.train_critic(real, noise, config.clip_value, config.weight_penalty, share_real)
        if step % config.num_critic == 0:
            terms |= self.step.train_generator(real, self.recipe.randn(step, STREAM_NOISE, WHOLE, *shape))
        return terms


def by_cycle(times: list[float], length: int) -> list[float]:
    """Give the mean of each `length` steps that follow each other."""
    return [sum(times[i : i + length]) / length for i in range(0, len(times) - length + 1, length)]


def products(config: WganConfig, num_dims: int) -> Products:
    """List the matrix products of a step with clipped weights, both directions, on average over a cycle."""
    batch, width, frames = config.batch_size, config.hidden_dim, config.max_seq_len
    gates, rows, seldom = 3 * width, frames * batch, 1 / config.num_critic
    made = 1 + seldom  # sequences of the generator, once for each update
    generator = [
        (2 * frames * made, batch, width, gates),
        (2 * made, rows, 3 * config.noise_dim, gates),
        (2 * frames * seldom, batch, gates, width),
        (2 * seldom, gates, rows, width + 3 * config.noise_dim),
    ]
    critic = [
        (2 * frames, 2 * batch, width, gates),
        (2, 2 * rows, num_dims, gates),
        (2 * frames, 2 * batch, gates, width),
        (2, gates, 2 * rows, width + num_dims),
    ]
    of_motion = [
        (2 * frames * seldom, batch, width, gates),
        (2 * frames * seldom, batch, gates, width),
        (4 * seldom, rows, num_dims, gates),
    ]
    return [*generator, *critic, *of_motion]


def measure() -> dict[str, float]:
    """Measure and print; give the figures."""
    torch.set_num_threads(1)
    figures = {}
    for constraint in ("clip", "gp"):
        recipe = build(constraint)
        times, difference = compare_steps(recipe, Plain(recipe), 0, REPEATS)
        cycles = {side: by_cycle(values, recipe.config.num_critic) for side, values in times.items()}
        about = f"{constraint}, batch 8, T 16, D 60, mean of cycles of 5"
        figures |= show_speed(f"wgan_{constraint}_step", cycles, difference, TARGET, about)
        if constraint == "clip":
            listed = products(recipe.config, recipe.train.num_dims)
            figures |= show_bound("wgan_clip_step", figures, listed)
    return figures


if __name__ == "__main__":
    measure()
