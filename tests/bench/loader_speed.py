"""Batches a second of the loader against those of a training step: `python -m tests.bench.loader_speed`.

The step is that of the FOMM's shipped profile (64 px, batch 8) on one core, on batches that are there
already. The loader gives the same batches of synthetic heads, rendered when asked for, and of a folder of mp4
clips, each frame sought in its file ("mp4_sought", as for sets too large for memory) or decoded once and kept
("mp4", as small sets are by default). With 0 workers it works between the steps, so both share a core;
with 1 or 2 it works beside them and holds them up only where its rate is below theirs.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from fommvg_lib.clips import ClipFolder, ClipSet, FramePairs, PairLoader, SyntheticClips
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.precision import training_precision
from fommvg_lib.synthetic.export import write_clip_folder
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.update import Updater

WORKERS = (0, 1, 2)
NUM_CLIPS, NUM_FRAMES = 24, 64
NUM_WARM, NUM_BATCHES, REPEATS = 24, 24, 3
"""The first batches find all clips, and let workers start."""
NUM_STEPS = 6
CPU = torch.device("cpu")


def measure() -> dict[str, float]:
    """Measure; print the figures, one a line, and give them."""
    torch.set_num_threads(1)
    config = FommConfig.from_profile("shipped")
    config = config.replace(precision=training_precision(CPU, config.precision)[0])
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_clip_folder(folder, NUM_CLIPS, 1, num_frames=NUM_FRAMES, size=config.size)
        sets = {
            "synthetic": SyntheticClips("train", config.size, NUM_FRAMES, num_identities=NUM_CLIPS),
            "mp4": ClipFolder(Path(folder), "train", config.size, cache="memory"),
            "mp4_sought": ClipFolder(Path(folder), "train", config.size),
        }
        figures["step_batches_per_s"] = step = step_rate(config, sets["synthetic"])
        print(f"step_batches_per_s: {step:.2f} (FOMM, profile shipped in {config.precision}, one core)")
        for name, clips in sets.items():
            for workers in WORKERS:
                rate = loader_rate(config, clips, workers)
                figures |= {f"{name}_{workers}_batches_per_s": rate, f"{name}_{workers}_ratio": rate / step}
                print(f"{name}_{workers}_batches_per_s: {rate:.1f} ({workers} worker processes)")
                print(
                    f"{name}_{workers}_ratio: {rate / step:.1f} ({_meaning(rate, step, workers)})", flush=True
                )
    return figures


def _meaning(rate: float, step: float, workers: int) -> str:
    if workers == 0:
        return f"loader over step; {100 * step / (step + rate):.1f} % of the time goes into batches"
    return f"loader over step; {'never waited for' if rate >= step else 'the steps wait'}"


def step_rate(config: FommConfig, clips: ClipSet) -> float:
    """Give steps in a second of processor time, the best of several."""
    held_out = SyntheticClips("test", config.size, 2, num_identities=1)
    recipe = FommRecipe(config, clips, held_out, CPU)
    update = Updater(recipe, Processes(CPU))
    best = float("inf")
    for step, batch in enumerate(itertools.islice(recipe.batches(0), NUM_STEPS)):
        began = time.process_time()
        update(batch, step)
        best = min(best, time.process_time() - began)
    return 1 / best


def loader_rate(config: FommConfig, clips: ClipSet, workers: int) -> float:
    """Give batches in a second, the best of several windows; without workers, of processor time."""
    clock = time.perf_counter if workers else time.process_time
    pairs = FramePairs(clips, config.data, config.seed)
    batches = iter(PairLoader(pairs, config.batch_size, num_workers=workers))
    _skip(batches, NUM_WARM)
    best = float("inf")
    for _ in range(REPEATS):
        began = clock()
        _skip(batches, NUM_BATCHES)
        best = min(best, clock() - began)
    return NUM_BATCHES / best


def _skip(batches: Iterator, count: int) -> None:
    for _ in itertools.islice(batches, count):
        pass


if __name__ == "__main__":
    measure()
