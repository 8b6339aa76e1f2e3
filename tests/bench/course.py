"""Time and memory of each notebook of the course in profile smoke: `python -m tests.bench.course`.

The notebooks run in their order into one empty folder, as `make course` does, each by a process of its own
and with one thread of torch. Processor time counts (of that process and of the notebook's kernel), since a
busy machine adds to the clock on the wall.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fommvg_lib.course_notebooks import NOTEBOOKS, find_notebooks

ROOT = Path(__file__).resolve().parents[2]


def measure() -> dict[str, dict[str, dict[str, float]] | float]:
    """Run the course once.

    Returns:
        `notebooks`: by name its `processor_seconds`, `seconds` by the clock and `peak_gb` (largest
        resident size of a process); `processor_minutes`: of all.

    Raises:
        RuntimeError: if a notebook failed.
    """
    figures = {}
    with tempfile.TemporaryDirectory(prefix="fommvg-course-") as folder:
        for notebook in find_notebooks(NOTEBOOKS):
            figures[notebook.stem] = found = run_one(notebook.stem, Path(folder))
            print(f"course {notebook.stem}:", ", ".join(f"{k} {v:.2f}" for k, v in found.items()), flush=True)
    minutes = sum(found["processor_seconds"] for found in figures.values()) / 60
    print(f"course: {minutes:.1f} minutes of one core")
    return {"notebooks": figures, "processor_minutes": minutes}


def run_one(name: str, out: Path) -> dict[str, float]:
    """Run one notebook in a process of its own; its kernel is a child whose use the system adds to it."""
    command = [sys.executable, "-m", "fommvg_lib", "course", "--only", name, "--out", str(out), "--fresh"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True
    )
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{name} failed: {told}")
    return {
        "processor_seconds": used.ru_utime + used.ru_stime,
        "seconds": time.perf_counter() - started,
        "peak_gb": used.ru_maxrss * 1024 / 1e9,
    }


if __name__ == "__main__":
    measure()
