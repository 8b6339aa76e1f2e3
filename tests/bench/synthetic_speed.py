"""Frames per second of one core of the synthetic renderer: `python -m tests.bench.synthetic_speed`.

Processor time counts, not the clock on the wall: what else the machine does at the time does not.
"""

from __future__ import annotations

import time

from fommvg_lib.synthetic import render_batch, render_clip

NUM_FRAMES, NUM_CLIPS, REPEATS = 64, 4, 3
TARGET_64 = 400  # frames a second that issue 2 asks for at 64 x 64


def measure() -> dict[str, float]:
    """Time clips of one person and, at 64 pixels, batches of many; the best of three runs each.

    Returns:
        Frames per second of processor time, by name.
    """
    figures = {}
    for size in (64, 128, 256):
        figures[f"clip_{size}"] = _rate(lambda size=size: _render_clips(size), NUM_CLIPS * NUM_FRAMES)
    requests = [(person, 0, 3 * person % NUM_FRAMES) for person in range(128)]
    figures["batch_64"] = _rate(lambda: render_batch(requests, 64), len(requests))
    for name, value in figures.items():
        against = f" ({value / TARGET_64:.1f} x the {TARGET_64} asked for)" if name.endswith("_64") else ""
        print(f"synthetic {name}: {value:.0f} frames per second of one core{against}", flush=True)
    return figures


def _render_clips(size: int) -> None:
    for identity in range(NUM_CLIPS):
        render_clip(identity, 0, NUM_FRAMES, size)


def _rate(work, num_frames: int) -> float:
    work()  # backgrounds and motion are drawn once per person
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return num_frames / best


if __name__ == "__main__":
    measure()
