"""Extraction of a folder against the keypoint detector alone: is decoding hidden?

A FOMM of the published size for 256 px reads mp4 clips of 256 x 256. The detector's own rate is that of
batches that are there already, on one thread; `extract_folder` decodes in another thread meanwhile, hashes,
and writes a file for each clip. Told are wall time, which says something only where two cores are free, and
what processor times give for two free cores: the busier of the two threads sets the pace. The same without
decoding ahead, in one thread, stands beside.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from fommvg_lib.clips import ClipFolder
from fommvg_lib.config.presets import load_config
from fommvg_lib.extraction import clip_squares, extract_folder
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.generate import extract_motion, to_tensor
from fommvg_lib.synthetic import write_clip_folder

NUM_CLIPS, NUM_FRAMES, BATCH, REPEATS = 2, 48, 16, 2
TARGET = 0.9
"""Least share of the detector's own rate."""


def measure() -> dict[str, float]:
    """Measure; print the figures, one a line, and give them."""
    torch.set_num_threads(1)
    config = load_config("vox-256")
    model = Fomm(config.model, config.size).eval()
    model.weights_hash = "random"
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "clips"
        write_clip_folder(root, NUM_CLIPS, 1, num_frames=NUM_FRAMES, size=config.size)
        clips = ClipFolder(root, "train", config.size)
        frames = to_tensor(clips.frames(0, np.arange(BATCH)))
        model.extract(frames)
        sides = {
            "detector": lambda: _detect(model, frames),
            "extract": lambda: extract_folder(model, root / "train", folder, BATCH, overwrite=True),
            "in_one_thread": lambda: _extract_plainly(model, clips.paths),
        }
        for _ in range(REPEATS):
            for name, work in sides.items():
                for kind, rate in _rates(work).items():
                    rates.setdefault(f"{name}_{kind}", []).append(rate)
    figures = {f"{name}_frames_per_s": max(values) for name, values in rates.items()}
    for name, kind in itertools.product(("extract", "in_one_thread"), ("wall", "two_free_cores")):
        rate = figures[f"{name}_{kind}_frames_per_s"]
        figures[f"{name}_{kind}_ratio"] = rate / figures[f"detector_{kind}_frames_per_s"]
    for name, value in figures.items():
        wanted = f" (at least {TARGET:g} is wanted)" if name == "extract_two_free_cores_ratio" else ""
        print(f"{name}: {value:.3f}{wanted}")
    return figures


def _rates(work: Callable[[], object]) -> dict[str, float]:
    """Give frames a second of wall time, and of the processor time of the busier thread."""
    began = time.perf_counter(), time.process_time(), time.thread_time()
    work()
    wall, both, own = (
        now - then
        for now, then in zip(
            (time.perf_counter(), time.process_time(), time.thread_time()), began, strict=True
        )
    )
    total = NUM_CLIPS * NUM_FRAMES
    return {"wall": total / wall, "two_free_cores": total / max(own, both - own)}


def _detect(model: Fomm, frames: torch.Tensor) -> None:
    for _ in range(NUM_CLIPS * NUM_FRAMES // BATCH):
        model.extract(frames)


def _extract_plainly(model: Fomm, paths: list[Path]) -> None:
    for path in paths:
        extract_motion(model, clip_squares(path, model.size), BATCH)


if __name__ == "__main__":
    measure()
