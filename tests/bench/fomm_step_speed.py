"""A training step of the FOMM at vox-256 sizes, batch 2: the library's against the straightforward one.

The straightforward side (`_plain_fomm.py`) has the same layers in torch's default memory order, torch's
default Adam optimisers and the published order. Presets vox-256 (no discriminator) and vox-adv-256 (with
one). The perceptual loss of both sides uses VGG19 at full size with random weights: the trained ones would
have to be fetched and change no time. Gradients of both are compared before the times are. One thread;
processor time counts, best of several steps in turn.
Run alone: `python -m tests.bench.fomm_step_speed [preset ...]`.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.fomm import FommConfig, HourglassConfig
from fommvg_lib.config.presets import load_config
from fommvg_lib.frame_generator.fomm import Transform, random_transform
from fommvg_lib.perceptual import VGG19_WIDTHS, Vgg19Features, Vgg19Loss
from fommvg_lib.precision import has_real_bf16
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipe import Phase
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.update import Updater
from tests.bench._plain_fomm import PlainStep, as_nchw

PRESETS = ("vox-256", "vox-adv-256")
BATCH, REPEATS = 2, 3
NUM_OPERATORS = 6
CPU = torch.device("cpu")
VGG_WEIGHTS = (10.0,) * 5


def random_vgg(widths: tuple[int, ...]) -> Vgg19Features:
    """Give VGG19's features with random weights that keep the size of values from layer to layer."""
    network = Vgg19Features(widths)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return network


NARROW = {
    "size": 128,
    "scales": (1.0, 0.5),
    "model.detector": HourglassConfig(8, 3, 64),
    "model.dense_motion": HourglassConfig(8, 3, 64),
    "model.block_expansion": 16,
    "discriminator.block_expansion": 8,
}
"""Sizes at which both sides can be compared in float64."""


def build(preset: str, precision: str = "fp32", is_narrow: bool = False) -> FommRecipe:
    """Build a recipe on synthetic heads."""
    torch.manual_seed(0)
    changes = {"perceptual": "pixel", "loss_weights.perceptual": (1.0, 1.0, 1.0)}  # VGG19 comes below
    changes |= NARROW if is_narrow else {}
    config = load_config(preset).replace(batch_size=BATCH, precision=precision, num_steps=1000, **changes)
    clips = SyntheticClips("train", config.size, 4, num_identities=4)
    recipe = FommRecipe(config, clips, clips, CPU)
    vgg = random_vgg((8, 8, 16, 16, 16) if is_narrow else VGG19_WIDTHS)
    recipe.perceptual = Vgg19Loss(config.scales, VGG_WEIGHTS, vgg)
    nn.init.normal_(recipe.model.kp_detector.jacobian.weight, 0, 0.002)  # zeros give identities
    return recipe


class Ours:
    """The library's step, all of the engine's work on it included."""

    def __init__(self, recipe: FommRecipe) -> None:
        self.recipe, self.update = recipe, Updater(recipe, Processes(CPU))

    def __call__(self, batch: dict, step: int) -> None:
        """Do a step."""
        self.update(batch, step)


class Plain:
    """The straightforward step, with weights, noise and batches of a recipe that is left alone."""

    def __init__(self, recipe: FommRecipe) -> None:
        self.recipe, config = recipe, _with_vgg(recipe.config)
        model, discriminator = copy.deepcopy((recipe.model, recipe.discriminator))
        vgg = copy.deepcopy(recipe.perceptual.network)
        discriminator = None if discriminator is None else as_nchw(discriminator).train()
        self.step = PlainStep(config, as_nchw(model).train(), discriminator, vgg)
        self.step.pyramid.to(model.device, next(model.parameters()).dtype)

    def __call__(self, batch: dict, step: int) -> None:
        """Do a step."""
        self.step(batch["source"], batch["driving"], self.transform(step))

    def transform(self, step: int) -> Transform:
        """Give the transform that the recipe draws for a step."""
        return random_transform(self.recipe.config.transform, BATCH, self.recipe.randomness(step))


def _with_vgg(config: FommConfig) -> FommConfig:
    return config.replace(**{"perceptual": "vgg19", "loss_weights.perceptual": VGG_WEIGHTS})


def gradient_difference(recipe: FommRecipe, batch: dict) -> float:
    """Give |ours - plain| / |plain| over all gradients that an optimiser moves by, of the worst optimiser."""
    plain = Plain(recipe)
    for network in recipe.networks.values():
        network.train()
    laid_out = {name: _channels_last(values) for name, values in batch.items()}
    worst = 0.0
    for phase in recipe.phases(0):
        sides = [_parameters(recipe.optimizers, phase), _parameters(plain.step.optimizers, phase)]
        parameters = [parameter for part in sides[0] for parameter in part]
        phase.losses(laid_out, 0, Share()).total.backward(inputs=parameters)
        if "discriminator" in phase.optimizers:
            plain.step.backward_discriminator(batch["driving"])
        else:
            plain.step.backward_generator(batch["source"], batch["driving"], plain.transform(0))
        for ours, theirs in zip(*sides, strict=True):
            ours, theirs = (torch.cat([p.grad.flatten().double() for p in part]) for part in (ours, theirs))
            worst = max(worst, ((ours - theirs).norm() / theirs.norm()).item())
    return worst


def _parameters(optimizers: dict[str, torch.optim.Optimizer], phase: Phase) -> list[list[nn.Parameter]]:
    return [optimizers[name].param_groups[0]["params"] for name in phase.optimizers]


def _channels_last(values):
    is_image = isinstance(values, Tensor)
    return values.contiguous(memory_format=torch.channels_last) if is_image else values


def difference_in_float64(preset: str) -> float:
    """Give `gradient_difference` of narrow networks in float64: are the formulas the same?"""
    recipe = build(preset, is_narrow=True)
    for module in (*recipe.networks.values(), recipe.perceptual):
        module.double()
    batch = next(recipe.batches(0))
    batch |= {name: batch[name].double() for name in ("source", "driving")}
    return gradient_difference(recipe, batch)


def step_times(sides: dict[str, Callable[[dict, int], None]], batch: dict) -> dict[str, float]:
    """Give the best processor time of a step of each side, in seconds, taken in turn; one step warms up."""
    best = dict.fromkeys(sides, float("inf"))
    for step in range(REPEATS + 1):
        for name, side in sides.items():
            began = time.process_time()
            side(dict(batch), step)
            if step:
                best[name] = min(best[name], time.process_time() - began)
    return best


def operators(side: Callable[[dict, int], None], batch: dict) -> dict[str, float]:
    """Give the operators that take most of a step, and their share of it."""
    with torch.autograd.profiler.profile(use_kineto=False) as profile:  # the other one chatters
        side(dict(batch), REPEATS + 1)
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_cpu_time_total)
    whole = sum(row.self_cpu_time_total for row in rows)
    return {row.key: row.self_cpu_time_total / whole for row in rows[:NUM_OPERATORS]}


def measure(presets: tuple[str, ...] = PRESETS) -> dict[str, float]:
    """Measure and print; give the figures."""
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    for preset in presets:
        figures |= {f"{preset} {name}": value for name, value in measure_one(preset).items()}
    return figures


def measure_one(preset: str) -> dict[str, float]:
    """Measure one preset."""
    recipe = build(preset)
    batch = next(recipe.batches(0))
    figures = {
        "gradient_difference_fp64": difference_in_float64(preset),
        "gradient_difference_fp32": gradient_difference(recipe, batch),
    }
    _show(preset, "gradient_difference_fp64", figures, "of the gradient's norm, narrow networks at 128 px")
    _show(preset, "gradient_difference_fp32", figures, "of the gradient's norm, full sizes")
    sides = {"plain": Plain(recipe), "fp32": Ours(recipe)}
    if has_real_bf16(CPU):
        sides["bf16"] = Ours(build(preset, "bf16"))
    seconds = step_times(sides, batch)
    for name, value in seconds.items():
        figures[f"{name}_step_s"] = value
        _show(preset, f"{name}_step_s", figures, f"batch {BATCH}, one thread, random VGG19 on all sides")
    del sides["plain"]
    for name in sides:
        figures[f"{name}_speed"] = seconds["plain"] / seconds[name]
        wanted = "; wanted at least 1.5" if name == "bf16" else ""
        _show(preset, f"{name}_speed", figures, f"plain fp32 over ours in {name}{wanted}")
    if "bf16" not in sides:
        print(f"{preset} bf16: not measured (this processor has no bfloat16 of its own)", flush=True)
    for name, side in sides.items():
        for operator, share in operators(side, batch).items():
            figures[f"{name}_share {operator}"] = share
            _show(preset, f"{name}_share {operator}", figures, "of our step's time")
    return figures


def _show(preset: str, name: str, figures: dict[str, float], about: str) -> None:
    print(f"{preset} {name}: {figures[name]:.3g} ({about})", flush=True)


if __name__ == "__main__":
    measure(tuple(sys.argv[1:]) or PRESETS)
