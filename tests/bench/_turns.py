"""Two sides that do the same work, timed in turn; what the benches of the motion generators share."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from fommvg_lib.motion_files import MotionClip
from fommvg_lib.share import Share
from fommvg_lib.training.memory import keep_freed_memory
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipe import Batch, Recipe
from fommvg_lib.training.update import Updater
from tests.motion_cases import wandering_clips

CPU = torch.device("cpu")
WARM_UP = 2

Step = Callable[[Batch, int], Mapping[str, float]]
"""Does training step n on a batch; gives its losses by name."""


def motion_of(num_kp: int, has_jacobian: bool) -> list[MotionClip]:
    """Give made-up motion of so many keypoints."""
    return wandering_clips(24, 64, num_kp, has_jacobian)


class OurStep:
    """A step of the library, all of the engine's work on it included: rates, norms, the finite check, means.

    Args:
        recipe: whose step it is.
    """

    def __init__(self, recipe: Recipe) -> None:
        keep_freed_memory()  # as the engine does
        self.update = Updater(recipe, Processes(CPU))
        for network in recipe.networks.values():
            network.train()

    def __call__(self, batch: Batch, step: int) -> dict[str, float]:
        """Do a step."""
        return {name: term.item() for name, term in self.update(dict(batch), step).items()}


def compare_steps(
    recipe: Recipe, plain: Step, start: int, repeats: int
) -> tuple[dict[str, list[float]], float]:
    """Let both sides do the same steps in turn.

    Args:
        recipe: of our side; batches are its.
        plain: the other side, with its own copy of the recipe's networks.
        start: number of the first step.
        repeats: steps that count; `WARM_UP` come before.

    Returns:
        Processor seconds of each step by side, and the largest difference of a loss between the sides.
    """
    sides = {"plain": plain, "ours": OurStep(recipe)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    batches, difference = recipe.batches(start, Share()), 0.0
    for step in range(start, start + WARM_UP + repeats):
        batch, losses = next(batches), {}
        for name, side in sides.items():
            began = time.process_time()
            losses[name] = side(batch, step)
            times[name].append(time.process_time() - began)
        gaps = [abs(value - losses["ours"][name]) for name, value in losses["plain"].items()]
        difference = max(difference, *gaps)
    return {name: values[WARM_UP:] for name, values in times.items()}, difference


def show_speed(
    name: str, times: Mapping[str, list[float]], difference: float, wanted: float, about: str
) -> dict[str, float]:
    """Print and give milliseconds of both sides, how many times faster ours is, and how far apart they are.

    The ratio is the median over neighbouring pairs, so that what else the machine does hardly counts.
    """
    middle = {side: 1000 * statistics.median(values) for side, values in times.items()}
    ratios = [plain / ours for plain, ours in zip(times["plain"], times["ours"], strict=True)]
    figures = {
        f"{name}_ms": middle["ours"],
        f"{name}_plain_ms": middle["plain"],
        f"{name}_speed": statistics.median(ratios),
        f"{name}_difference": difference,
    }
    print(f"{name}_ms: {middle['ours']:.2f} ({about}, one thread, median of {len(ratios)})")
    print(f"{name}_plain_ms: {middle['plain']:.2f} (the straightforward loop)")
    print(f"{name}_speed: {figures[f'{name}_speed']:.2f} (plain over ours; wanted at least {wanted:g})")
    print(f"{name}_difference: {difference:.1e} (largest between the two sides)", flush=True)
    return figures


Products = Sequence[tuple[float, int, int, int]]
"""Matrix products of a step: how many, and M, K, N of each."""


def show_bound(name: str, figures: Mapping[str, float], products: Products) -> dict[str, float]:
    """Time the matrix products alone that both sides must do; print and give what they allow at most.

    Args:
        name: as in `show_speed`.
        figures: what that gave.
        products: of our form, which takes those of all steps in one where it can.
    """
    milliseconds = 1000 * sum(count * _product_time(*sizes) for count, *sizes in products)
    bound = figures[f"{name}_plain_ms"] / milliseconds
    print(f"{name}_products_ms: {milliseconds:.2f} (the matrix products alone, each at its best)")
    print(f"{name}_bound: {bound:.2f} (plain over these: no form of the step is faster)", flush=True)
    return {f"{name}_products_ms": milliseconds, f"{name}_bound": bound}


def _product_time(rows: int, inner: int, columns: int, repeats: int = 7) -> float:
    left, right, times = torch.randn(rows, inner), torch.randn(inner, columns), []
    for _ in range(repeats):
        began = time.process_time()
        left @ right
        times.append(time.process_time() - began)
    return min(times)
