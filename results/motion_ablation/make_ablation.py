"""Which corrections of the published VP and FI earn their place? Changes one at a time, trains, measures.

    nice python results/motion_ablation/make_ablation.py
    python results/motion_ablation/make_ablation.py --only vp-default vp-legacy --seeds 0 1

Motion is the ground-truth landmarks of the synthetic heads; `results/motion_table` says how it is measured.
Each (variant, seed) is trained for `--minutes` of CPU time with one thread and leaves one JSON file: what is
there is not done again, what was interrupted begins anew. The table holds what is there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "results" / "motion_table"))

from one_run import MotionSet, is_made, measure, open_motion, train  # noqa: E402
from variants import VARIANTS  # noqa: E402

from fommvg_lib.files import InputError, write_text  # noqa: E402
from fommvg_lib.motion_generator import load_motion_generator  # noqa: E402
from fommvg_lib.run_record import read_json, versions, write_json, write_run_record  # noqa: E402

MOTION, TRAIN_CLIPS, TEST_CLIPS, MAX_WINDOWS = "landmarks", 512, 800, 1000
TASKS = {"vp": "video_prediction", "fi": "frame_interpolation"}
COLUMNS = {
    "frechet_displacement": "displacement", "frechet_velocity": "velocity",
    "frechet_acceleration": "acceleration", "best_error": "best of 5", "diversity": "diversity",
    "frozen_share": "frozen", "jerk": "jerk", "start_jump": "start jump",
}  # fmt: skip
REAL = "real"


def record_of(name: str, seed: int, args: argparse.Namespace) -> Path:
    """Give the JSON file of a run."""
    return args.out / "runs" / f"{name}-{seed}.json"


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Give what must be equal for runs to stand in one table."""
    sizes = {"train_clips": args.train_clips, "test_clips": args.test_clips}
    return {"motion": args.motion, "minutes": args.minutes, **sizes, "max_windows": args.max_windows}


def is_done(name: str, seed: int, args: argparse.Namespace) -> bool:
    """Say whether a run is there; see `is_made`."""
    return is_made(record_of(name, seed, args), settings_of(args))


def run_missing(args: argparse.Namespace) -> None:
    """Train and measure what is chosen and not there yet, one after the other."""
    chosen = [v for v in VARIANTS if not args.only or v.name in args.only or v.kind in args.only]
    runs = [(v, seed) for seed in args.seeds for v in chosen if not is_done(v.name, seed, args)]
    needs_real = not is_done(REAL, 0, args)
    if not runs and not needs_real:
        return
    torch.set_num_threads(1)
    data = open_motion(args)
    if needs_real:
        _leave_record(REAL, 0, {"figures": _values(measure(None, data, args, 0))}, data, args)
    for variant, seed in runs:
        print(f"{variant.name}, seed {seed}", flush=True)
        folder = args.runs / f"{variant.name}-{seed}"
        done = train(variant.kind, variant.config(seed), data.train, folder, args.minutes)
        generator = load_motion_generator(folder, "cpu", data.train.num_dims, data.train.num_kp)
        done["figures"] = _values(measure(generator, data, args, seed))
        _leave_record(variant.name, seed, done, data, args)


def _leave_record(
    name: str, seed: int, done: dict[str, Any], data: MotionSet, args: argparse.Namespace
) -> None:
    motion = {"train": data.train.fingerprint(), "test": data.test.fingerprint()}
    head = {"variant": name, "seed": seed, "settings": settings_of(args), "motion": motion}
    write_json(record_of(name, seed, args), {**head, **done, "versions": versions()})


def write_table(args: argparse.Namespace) -> None:
    """Write table.md, and config, metrics and manifest of all runs that are there."""
    real = read_json(record_of(REAL, 0, args))
    lines = [f"# Corrections of VP and FI, one at a time (CPU time of each: {args.minutes:g} min)", ""]
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    seeds: set[int] = set()
    seconds = 0.0  # of all runs, whenever they were made
    for kind, task in TASKS.items():
        rows = [("real clips", 0, real["figures"][task], "")]
        for variant in (v for v in VARIANTS if v.kind == kind):
            records = [read_json(path) for path in _records_of(variant.name, args)]
            rows += [(variant.says, r["seed"], r["figures"][task], str(r["steps"])) for r in records]
            seeds |= {r["seed"] for r in records}
            seconds += sum(r["cpu_seconds"] for r in records)
            metrics.setdefault(task, {}).update(
                {f"{variant.name}, seed {r['seed']}": r["figures"][task] for r in records}
            )
        if len(rows) > 1:
            lines += _table(task, rows)
    write_text(args.out / "table.md", "\n".join(lines))
    about = {"seeds": sorted(seeds), "data": real["motion"]}
    config = {**settings_of(args), "variants": {v.name: v.changes for v in VARIANTS}}
    write_run_record(args.out, "motion_ablation", config, metrics, None, seconds, about)


def _records_of(name: str, args: argparse.Namespace) -> list[Path]:
    found = (args.out / "runs").glob(f"{name}-*.json")
    return sorted(path for path in found if path.stem.removeprefix(f"{name}-").isdigit())


def _values(figures: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {task: {name: figure["value"] for name, figure in row.items()} for task, row in figures.items()}


def _table(task: str, rows: list[tuple[str, int, dict[str, float], str]]) -> list[str]:
    columns = {key: short for key, short in COLUMNS.items() if any(key in row[2] for row in rows[1:])}
    lines = [f"## {task.replace('_', ' ').capitalize()}", ""]
    lines += ["| |seed|" + "|".join(columns.values()) + "|steps|", "|---|" + "---|" * (len(columns) + 2)]
    for says, seed, figures, steps in rows:
        cells = (f"{figures[key]:.3g}" if key in figures else "" for key in columns)
        lines.append(f"|{says}|{seed}|" + "|".join(cells) + f"|{steps}|")
    return [*lines, ""]


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the words of the command."""
    names = {"vp", "fi", *(variant.name for variant in VARIANTS)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="vp, fi, or variants by name")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="CPU minutes of training for each")
    parser.add_argument("--motion", default=MOTION, help="landmarks, or a folder with train/ and test/")
    parser.add_argument("--train-clips", type=int, default=TRAIN_CLIPS, help="of landmarks")
    parser.add_argument("--test-clips", type=int, default=TEST_CLIPS, help="likewise; half in either set")
    parser.add_argument("--max-windows", type=int, default=MAX_WINDOWS, help="real clips in either set")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "motion_ablation")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "motion_ablation")
    args = parser.parse_args(words)
    args.draws = 1  # intervals are dropped: differences between rows are what counts here
    args.fps = None  # the set has one rate
    for name in ("minutes", "train_clips", "test_clips", "max_windows"):
        if not getattr(args, name) > 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0, got {getattr(args, name)}")
    for name in args.only or ():
        if name not in names:
            raise InputError(f"--only {name}: is none of {', '.join(sorted(names))}")
    return args


def main(words: list[str] | None = None) -> int:
    """Run what is missing, then write the table."""
    try:
        args = parse(words)
        run_missing(args)
        write_table(args)
        print(args.out / "table.md")
    except InputError as error:
        print(f"make_ablation: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
