"""What the training engine costs over the bare step: `python -m tests.bench.engine_overhead`.

The bare step is what a user would write down: draw the batch, for each phase forward, backward and the
optimisers' steps. The engine adds learning rates, gradient norms, the check for non-finite values, running
means of the weights, the means for the log, the log's rows and the decisions of its loop. Both train a recipe
of their own in one process and one thread, in turn, block by block and with the same batches: the bare
block runs while the engine waits in its `on_log`, after each row of the log. Processor time counts, and the
median over pairs of neighbouring blocks, so that what else the machine does at the time hardly does.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.config.motion import VideoPredictionConfig
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.share import Share
from fommvg_lib.training.build import synthetic_motion
from fommvg_lib.training.engine import EngineConfig, fit
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from fommvg_lib.weights import DEFAULTS

NUM_BLOCKS, REPEATS = 10, 4
CPU = torch.device("cpu")
TARGET_PERCENT = 2.0


class BareSteps:
    """The steps of a recipe, written out plainly."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.step = recipe, 0
        self.batches = recipe.batches(0, Share())
        self.parameters = {
            name: [p for group in optimizer.param_groups for p in group["params"]]
            for name, optimizer in recipe.optimizers.items()
        }
        for network in recipe.networks.values():
            network.train()

    def run(self, count: int) -> None:
        """Do the next `count` steps."""
        for _ in range(count):
            batch = {name: _channels_last(values) for name, values in next(self.batches).items()}
            for phase in self.recipe.phases(self.step):
                moved = [p for name in phase.optimizers for p in self.parameters[name]]
                phase.losses(batch, self.step, Share()).total.backward(inputs=moved)
                if phase.before:
                    phase.before()
                for name in phase.optimizers:
                    self.recipe.optimizers[name].step()
                    self.recipe.optimizers[name].zero_grad()
                if phase.after:
                    phase.after()
            self.step += 1


def _channels_last(values):
    is_image = isinstance(values, torch.Tensor) and values.dim() == 4
    return values.contiguous(memory_format=torch.channels_last) if is_image else values


def vp_recipe() -> Callable[[int], Recipe]:
    """Give what builds a recipe of so many steps: video prediction, the shipped sizes, 24 clips."""
    config = VideoPredictionConfig.from_profile("shipped", num_clips=24)
    clips = synthetic_motion(load_frame_generator(DEFAULTS["fomm"]), "train", 24, config.clip_frames)
    return lambda steps: VideoPredictionRecipe(config.replace(num_epochs=1, epoch_size=steps), clips)


def fomm_recipe() -> Callable[[int], Recipe]:
    """Give what builds a recipe of so many steps: the FOMM's smoke profile (64 px, batch 8)."""
    config = FommConfig.from_profile("smoke")
    clips = SyntheticClips("train", config.size, 16, num_identities=8)
    held_out = SyntheticClips("test", config.size, 2, num_identities=1)
    return lambda steps: FommRecipe(config.replace(num_steps=steps), clips, held_out, CPU)


def block_times(build: Callable[[int], Recipe], block: int) -> tuple[list[float], list[float]]:
    """Give processor seconds of each block of steps, of the engine and of the bare steps.

    Args:
        build: makes a recipe of so many steps.
        block: steps in a block, also between two rows of the log. The first block only warms up.
    """
    num_steps = block * (NUM_BLOCKS + 1)
    bare, times = BareSteps(build(num_steps)), ([], [])
    began = time.process_time()

    def on_log(folder: Path) -> None:
        nonlocal began
        times[0].append(time.process_time() - began)
        began = time.process_time()
        bare.run(block)
        times[1].append(time.process_time() - began)
        began = time.process_time()

    settings = EngineConfig(log_every=block, validate_every=0, pictures_every=0, checkpoint_every=0)
    with tempfile.TemporaryDirectory() as folder:
        fit(build(num_steps), Path(folder) / "run", settings, show_progress=False, on_log=on_log)
    return times[0][1:], times[1][1:]


def overhead(build: Callable[[int], Recipe], block: int) -> tuple[float, float]:
    """Give milliseconds of a bare step and the percentage by which the engine's step is longer.

    Repeats are new recipes: where their weights happen to lie makes a difference of about a percent.
    """
    runs = [block_times(build, block) for _ in range(REPEATS)]
    bare = [seconds for run in runs for seconds in run[1]]
    ratios = [ours / plain for run in runs for ours, plain in zip(*run, strict=True)]
    return 1000 * statistics.median(bare) / block, 100 * (statistics.median(ratios) - 1)


def measure() -> dict[str, float]:
    """Measure both recipes; print the figures, one a line, and give them."""
    torch.set_num_threads(1)
    figures = {}
    for name, recipe, block in (("vp", vp_recipe(), 10), ("fomm", fomm_recipe(), 2)):
        step, percent = overhead(recipe, block)
        figures |= {f"{name}_bare_step_ms": step, f"{name}_overhead_percent": percent}
        print(f"{name}_bare_step_ms: {step:.1f} (one thread, a log row every {block} steps)", flush=True)
        print(f"{name}_overhead_percent: {percent:.2f} (wanted at most {TARGET_PERCENT:g})", flush=True)
    return figures


if __name__ == "__main__":
    measure()
