"""Which motion generator moves best after so many minutes? Trains each, measures all, writes a table.

    python results/motion_table/make_table.py landmarks --minutes 5 --seeds 0 1 2 --jobs 2
    python results/motion_table/make_table.py fomm --methods copy-first-frame linear real vp fi
    python results/motion_table/make_table.py path/to/motion --out results/motion_table/mine

The motion is the synthetic heads' ground-truth landmarks, that of the shipped FOMM on them, or a folder of
motion files with `train/` and `test/`. Methods are `real`, `copy-first-frame`, `linear`, and everything that
trains on motion by its name, `-legacy` behind it for the published form and settings. Each (method, seed) is
a process of its own with one thread, trained for `--minutes` of its CPU time, and leaves one JSON file: what
is there is not done again, what was interrupted begins anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from draw_table import draw_table
from one_run import (
    LEGACY,
    NUM_SAMPLES,
    REAL,
    TASKS,
    fomm_motion,
    is_made,
    record_of,
    run_one,
    settings_of,
)

from fommvg_lib.config.kinds import CONFIGS
from fommvg_lib.files import InputError, write_text
from fommvg_lib.motion_generator import UNTRAINED
from fommvg_lib.run_record import read_json, write_run_record
from fommvg_lib.training.build import MOTION_RECIPES

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["real", "copy-first-frame", "linear", "vp-legacy", "vp", "fi-legacy", "fi"]


def run_missing(runs: list[tuple[str, int]], args: argparse.Namespace) -> list[str]:
    """Run what is not there yet, `--jobs` at a time; name what failed."""
    missing = [run for run in runs if not is_made(record_of(*run, args), settings_of(args))]
    if missing and args.motion == "fomm":
        fomm_motion(args)  # before several want to make it
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}

    def start(run: tuple[str, int]) -> bool:
        print(f"{run[0]}, seed {run[1]}", flush=True)
        command = [sys.executable, __file__, *args.words, "--one", run[0], str(run[1])]
        return subprocess.run(command, env=environment, check=False).returncode == 0

    with ThreadPoolExecutor(args.jobs) as pool:
        went_well = list(pool.map(start, missing))
    return [f"{m}-{s}" for (m, s), is_well in zip(missing, went_well, strict=True) if not is_well]


def write_table(runs: list[tuple[str, int]], args: argparse.Namespace) -> None:
    """Write table.md, a picture of each task, and config, metrics and manifest of all runs together."""
    records = [read_json(record_of(*run, args)) for run in runs]
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    lines = [f"# Motion generators after {args.minutes:g} CPU minutes: {Path(args.motion).name}", ""]
    for task, (length, places) in TASKS.items():
        rows = {f"{r['method']}, seed {r['seed']}": r["figures"].get(task) for r in records}
        rows = {name: row for name, row in rows.items() if row}
        if not rows:
            continue
        metrics[task] = {name: {key: x["value"] for key, x in row.items()} for name, row in rows.items()}
        lines += _task_lines(task, length, places, rows)
        draw_table(records, task, args.out / f"{task}.png")
    write_text(args.out / "table.md", "\n".join(lines) + "\n")
    config = {**settings_of(args), "methods": [m for m, _ in runs], "num_samples": NUM_SAMPLES}
    seeds = {"seeds": sorted({seed for _, seed in runs}), "data": records[0]["motion"]}
    seconds = sum(record["seconds"] for record in records)  # whenever the runs were made
    write_run_record(args.out, "motion_table", config, metrics, None, seconds, seeds)


def _task_lines(task: str, length: int, places: tuple[int, ...], rows: dict[str, dict]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    some = next(iter(next(iter(rows.values())).values()))
    known = " and ".join(str(place) for place in places)
    lines = [f"## {task.replace('_', ' ').capitalize()}", ""]
    lines += [
        f"{length} frames, known: {known}. {some['n']} clips of {some['num_identities']} people, compared",
        f"with as many of others; {NUM_SAMPLES} samples of each. In brackets: 95 % of draws of people.",
        "",
        "| |" + "|".join(columns) + "|",
        "|---|" + "---|" * len(columns),
    ]
    for name, row in rows.items():
        cells = (_cell(row[key]) if key in row else "n/a" for key in columns)
        lines.append(f"|{name}|" + "|".join(cells) + "|")
    return [*lines, ""]


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3g} ({figure['low']:.3g} to {figure['high']:.3g})"


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the words of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motion", help="landmarks, fomm, or a folder with train/ and test/ motion files")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU minutes of training for each")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, one thread each")
    parser.add_argument("--train-clips", type=int, default=512, help="of landmarks and fomm")
    parser.add_argument("--test-clips", type=int, default=800, help="likewise; half in either set")
    parser.add_argument("--fps", type=float, help="rate to which a folder of several rates is brought")
    parser.add_argument("--max-windows", type=int, default=1000, help="real clips in either held-out set")
    parser.add_argument("--draws", type=int, default=100, help="bootstrap draws of each interval")
    parser.add_argument("--out", type=Path, help="default: results/motion_table/<motion>")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "motion_table")
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "SEED"), help=argparse.SUPPRESS)
    words = sys.argv[1:] if words is None else words
    args = parser.parse_args(words)
    args.words = words
    args.out = args.out or ROOT / "results" / "motion_table" / Path(args.motion).name
    for name in ("minutes", "jobs", "train_clips", "test_clips", "max_windows", "draws"):
        if not getattr(args, name) > 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0, got {getattr(args, name)}")
    for method in args.methods:
        kind = method.removesuffix(LEGACY)
        is_form = method == kind or (kind in CONFIGS and hasattr(CONFIGS[kind](), "form"))
        if method not in (REAL, *UNTRAINED) and not (kind in MOTION_RECIPES and is_form):
            raise InputError(
                f"--methods {method}: is none of {REAL}, {', '.join((*UNTRAINED, *MOTION_RECIPES))}"
            )
    return args


def main(words: list[str] | None = None) -> int:
    """Run what is missing, then write the table."""
    try:
        args = parse(words)
        if args.one:
            run_one(args.one[0], int(args.one[1]), args)
            return 0
        fixed = (REAL, *UNTRAINED)  # no seed changes them
        runs = [(m, s) for m in args.methods for s in (args.seeds[:1] if m in fixed else args.seeds)]
        failed = run_missing(runs, args)
        if failed:
            print(f"failed: {', '.join(failed)}", file=sys.stderr)
            return 1
        write_table(runs, args)
        print(args.out / "table.md")
    except InputError as error:
        print(f"make_table: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
