"""A training step of CVI: what its 3-D convolutions cost, by layout and number format, and what is left.

Profile `shipped` (reduced widths, batch 4) and the public widths (batch 1), each with discriminators. Sides:
torch's default layout in float32, channels last, channels last in bfloat16 where the processor has it.
One thread; processor time counts, best of several steps in turn. Shares by operator are of the last side.
Run alone: `python -m tests.bench.cvi_step_speed [shipped|full ...]`.
"""

from __future__ import annotations

import sys
import time

import torch
from torch.profiler import ProfilerActivity, profile

from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.cvi import CviConfig
from fommvg_lib.precision import has_real_bf16
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.cvi import CviRecipe
from fommvg_lib.training.update import Updater

CPU = torch.device("cpu")
REPEATS = 3
CONFIGS = {
    "shipped": CviConfig.from_profile("shipped", **{"model.has_skips": False}),
    "full": CviConfig.from_profile("full", batch_size=1),
}
CONVOLUTIONS = ("aten::mkldnn_convolution", "aten::convolution_backward", "aten::mkldnn_convolution_backward")


def side(config: CviConfig, is_fast: bool, precision: str) -> tuple[CviRecipe, Updater]:
    """Build a recipe whose kernels lie channels last or not."""
    clips = [SyntheticClips(split, config.size, num_identities=8) for split in ("train", "test")]
    recipe = CviRecipe(config.replace(precision=precision), *clips, CPU)
    if not is_fast:
        for network in recipe.networks.values():
            for parameter in network.parameters():
                parameter.data = parameter.data.contiguous()
    return recipe, Updater(recipe, Processes(CPU))


def processor_seconds(call) -> float:
    """Time a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def measure_one(name: str) -> dict[str, float]:
    """Time the sides of one config in turn; profile the last."""
    config = CONFIGS[name]
    sides = {"plain": (False, "fp32"), "channels_last": (True, "fp32")}
    if has_real_bf16(CPU):
        sides["bf16"] = (True, "bf16")
    built = {key: side(config, *choice) for key, choice in sides.items()}
    batch = next(built["plain"][0].batches(0))
    best = dict.fromkeys(built, float("inf"))
    for step in range(REPEATS + 1):  # the first one warms up
        for key, (_, update) in built.items():
            seconds = processor_seconds(lambda update=update, step=step: update(dict(batch), step))
            best[key] = min(best[key], seconds) if step else best[key]
    last = list(built)[-1]
    recipe, update = built[last]
    batches = recipe.batches(1)
    next(batches)
    data = min(processor_seconds(lambda: next(batches)) for _ in range(REPEATS))
    figures = {f"{name}_{key}_ms": 1000 * seconds for key, seconds in best.items()}
    figures[f"{name}_gain"] = best["plain"] / best[last]
    figures[f"{name}_share_of_data"] = data / (data + best[last])
    return figures | {f"{name}_{key}": share for key, share in operator_shares(update, batch).items()}


def operator_shares(update: Updater, batch: dict) -> dict[str, float]:
    """Give the shares of a step's processor time: convolutions, norms, optimisers."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        update(dict(batch), REPEATS + 1)
    times = {event.key: event.self_cpu_time_total for event in recorded.key_averages()}
    total = sum(times.values())
    groups = {
        "convolutions": sum(times.get(key, 0) for key in CONVOLUTIONS),
        "norms": sum(value for key, value in times.items() if "norm" in key and "linalg" not in key),
        "optimisers": sum(value for key, value in times.items() if "_fused_adam" in key or "_foreach" in key),
    }
    return {f"share_of_{key}": value / total for key, value in groups.items()}


def measure(names: tuple[str, ...] = tuple(CONFIGS)) -> dict[str, float]:
    """Measure the named configs; print one line for each figure."""
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    for name in names:
        figures |= measure_one(name)
    for key, value in figures.items():
        print(f"{key:36} {value:.3g}")
    return figures


if __name__ == "__main__":
    measure(tuple(sys.argv[1:]) or tuple(CONFIGS))
