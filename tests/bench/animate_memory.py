"""Peak memory of `animate` for drivers of 200 and of 2,000 frames, with the shipped 64 px model.

Each runs in a process of its own, whose peak resident size the system reports; the driver is a clip of a
synthetic head, read from an mp4 and streamed.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video

LENGTHS = (200, 2000)


def measure() -> dict[str, float]:
    """Give peak memory in MB for each length, and the difference."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.png"
        write_image(source, render_clip(2, 0, num_frames=1).frames[0])
        for length in LENGTHS:
            driver = Path(folder) / f"{length}.mp4"
            write_video(driver, render_clip(1, 0, num_frames=length).frames, 25)
            figures[f"peak_mb_{length}_frames"] = _peak_mb(source, driver, Path(folder) / "out.mp4")
    figures["difference_mb"] = figures["peak_mb_2000_frames"] - figures["peak_mb_200_frames"]
    for name, value in figures.items():
        print(f"{name}: {value:.0f} (MB resident, animate at 64 px with the shipped weights)")
    return figures


def _peak_mb(source: Path, driver: Path, out: Path) -> float:
    words = ["animate", "--source", source, "--driving", driver, "--out", out, "--crop", "none"]
    program = [sys.executable, "-m", "tests.bench.animate_memory", *map(str, words)]
    result = subprocess.run(program, check=True, capture_output=True, text=True)
    return float(result.stdout.splitlines()[-1])


def run_and_report(words: list[str]) -> None:
    """Run one command and print this process's peak resident size in MB."""
    from fommvg_lib.__main__ import main

    status = main(words)
    if status:
        sys.exit(status)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    run_and_report(sys.argv[1:]) if sys.argv[1:] else measure()
