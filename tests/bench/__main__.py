"""Run every bench in a process of its own and record the figures: `make bench`.

    python -m tests.bench [--out results/bench] [--only animate,memory]

A bench is a module of this folder with `measure() -> dict` of figures by name, printing one line for each.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path

from fommvg_lib.run_record import write_run_record

HERE = Path(__file__).resolve().parent


def bench_names() -> list[str]:
    """Name the benches, in alphabetical order."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("_", "test_")))


def record_one(name: str, out: Path) -> None:
    """Measure in this process and write `<out>/<name>/`."""
    started = time.perf_counter()
    figures = importlib.import_module(f"tests.bench.{name}").measure()
    seconds = time.perf_counter() - started
    write_run_record(out / name, "bench", {"bench": name}, figures, None, seconds)


def main() -> int:
    """Run the chosen benches one after the other; status 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--out", type=Path, default=Path("results/bench"))
    parser.add_argument("--only", help="names, separated by commas (default: all)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        record_one(args.one, args.out)
        return 0
    chosen = args.only.split(",") if args.only else bench_names()
    unknown = sorted(set(chosen) - set(bench_names()))
    if unknown:
        parser.error(f"no bench {unknown[0]}; there are {', '.join(bench_names())}")
    failed = []
    for name in chosen:
        print(f"{name}:", flush=True)
        command = [sys.executable, "-m", "tests.bench", "--one", name, "--out", str(args.out)]
        if subprocess.run(command, cwd=HERE.parents[1], check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else f"{len(chosen)} benches recorded in {args.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
