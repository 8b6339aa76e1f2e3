"""Peak memory of `animate`, each run in a process of its own, whose peak resident size the system reports.

Drivers of 200 and of 2,000 frames with the shipped 64 px model show whether memory grows with length; 25
frames at 256 px with random weights of the published sizes, FOMM and TPSMM, show what a full model takes:
1.5 GB at most is wanted. Drivers are clips of a synthetic head, read from an mp4 and streamed.
Run alone: `python -m tests.bench.animate_memory`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from fommvg_lib.checkpoints import save_weights
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video
from tests.bench.animate_speed import FAMILIES, SIZE

LENGTHS = (200, 2000)
FULL_LENGTH = 25
WANTED_MB = 1536


def measure() -> dict[str, float]:
    """Give peak memory in MB for each length and each full model, and how much the length adds."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in LENGTHS:
            figures[f"peak_mb_{length}_frames"] = _peak_mb(Path(folder), 64, length)
        figures["difference_mb"] = figures["peak_mb_2000_frames"] - figures["peak_mb_200_frames"]
        for family, make in FAMILIES.items():
            model = make()
            weights = Path(folder) / family
            save_weights(
                weights, family, model.config.to_dict(), model.state_for_saving(), {"size": model.size}
            )
            del model
            figures[f"peak_mb_{family}_{SIZE}px"] = _peak_mb(Path(folder), SIZE, FULL_LENGTH, weights)
    for name, value in figures.items():
        above = f", above the wanted {WANTED_MB}" if value > WANTED_MB else ""
        print(f"{name}: {value:.0f} (MB resident{above})")
    return figures


def _peak_mb(folder: Path, size: int, length: int, weights: Path | None = None) -> float:
    source, driver = folder / f"{size}.png", folder / f"{size}-{length}.mp4"
    if not source.exists():
        write_image(source, render_clip(2, 0, num_frames=1, size=size).frames[0])
    if not driver.exists():
        write_video(driver, render_clip(1, 0, num_frames=length, size=size).frames, 25)
    words = [
        "animate",
        "--source",
        source,
        "--driving",
        driver,
        "--out",
        folder / "out.mp4",
        "--crop",
        "none",
    ]
    words += [] if weights is None else ["--weights", weights]
    program = [sys.executable, "-m", "tests.bench.animate_memory", *map(str, words)]
    result = subprocess.run(program, check=True, capture_output=True, text=True)
    return float(result.stdout.splitlines()[-1])


def run_and_report(words: list[str]) -> None:
    """Run one command and print this process's peak resident size in MB."""
    from fommvg_lib.__main__ import main

    status = main(words)
    if status:
        sys.exit(status)
    print(own_peak_mb())


def own_peak_mb() -> float:
    """Give this process's peak resident size; the system's usual figure counts the parent's at the start."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    run_and_report(sys.argv[1:]) if sys.argv[1:] else measure()
