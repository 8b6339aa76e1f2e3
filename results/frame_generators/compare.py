"""FOMM against TPSMM at equal training time on real faces, 64 px: held-out L1 over training time.

    python results/frame_generators/compare.py CLIPS [--runs DIR] [--minutes 20] [--only fomm|tpsmm]

CLIPS is a folder of mp4 clips beside a clips.csv with the columns file and identity. Every fourth identity,
in alphabetical order, is held out. Both models train in profile `shipped` with colour jitter, one thread
each, from random weights; called twice with --only, at the same time. Only figures and curves are written
beside this file, no picture of a face and no weights. figure.png shows them beside the curves of the shipped
weights, whose runs on synthetic heads lie in results/weights/.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure

from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.curves import read_curves
from fommvg_lib.files import atomic_path, write_text
from fommvg_lib.run_record import write_run_record
from fommvg_lib.training.build import CONFIGS, build_recipe
from fommvg_lib.training.engine import EngineConfig, fit
from fommvg_lib.weights import DEFAULTS

HERE = Path(__file__).resolve().parent
AUGMENTATION = AugmentationConfig(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05)
KINDS = ("fomm", "tpsmm")
NUM_STEPS = 20_000
"""Far more than there is time for: rates stay at their first value."""


def split_by_identity(clips: Path, target: Path) -> None:
    """Copy clips as `<identity>#NNN.mp4` into train/ and test/."""
    with (clips.parent / "clips.csv").open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if (clips / row["file"]).is_file()]
    identities = sorted({row["identity"] for row in rows})
    held_out = set(identities[::4])
    for number, row in enumerate(rows):
        folder = target / ("test" if row["identity"] in held_out else "train")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips / row["file"], folder / f"{row['identity']}#{number:03d}.mp4")


def run(kind: str, data: Path, runs: Path, minutes: float) -> dict[str, float]:
    """Train one model for so many minutes; give its figures."""
    torch.set_num_threads(1)
    config = (
        CONFIGS[kind]
        .from_profile("shipped")
        .replace(num_steps=NUM_STEPS, data=FrameDataConfig(id_sampling=True, augmentation=AUGMENTATION))
    )
    recipe = build_recipe(kind, config, str(data), torch.device("cpu"))
    settings = EngineConfig(
        log_every=50, validate_every=250, pictures_every=1000, checkpoint_every=500, stop_after=minutes
    )
    folder = runs / kind
    result = fit(recipe, folder, settings, resume=True, show_progress=False)
    checks = read_curves(folder / "validation.csv")
    best = int(checks["ratio"].argmin())
    figures = {
        "steps": float(result.step),
        "best_ratio": float(checks["ratio"][best]),
        "best_at_seconds": float(checks["seconds"][best]),
        "last_ratio": float(checks["ratio"][-1]),
    }
    record = HERE / f"faces-{kind}"
    write_run_record(record, "frame_generators", config.to_dict(), figures, config.seed, result.seconds)
    for curve in ("losses", "gradients", "validation"):
        write_text(record / "curves" / f"{curve}.csv", (folder / f"{curve}.csv").read_text(encoding="utf-8"))
    return figures


def draw(path: Path) -> None:
    """Draw the held-out ratio over training time, of the runs that are recorded."""
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    shipped = HERE.parent / "weights"
    panels = {
        "synthetic heads (shipped weights)": {kind: shipped / DEFAULTS[kind] for kind in KINDS},
        "real faces, strangers": {kind: HERE / f"faces-{kind}" for kind in KINDS},
    }
    for axes, (title, records) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        for kind, record in records.items():
            if (record / "curves" / "validation.csv").is_file():
                checks = read_curves(record / "curves" / "validation.csv")
                axes.plot(checks["seconds"] / 60, checks["ratio"], marker=".", label=kind.upper())
        axes.axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
        axes.set(
            title=title, xlabel="minutes of training", ylabel="L1 over repeat-first-frame", ylim=(0.3, None)
        )
        axes.legend(frameon=False)
    with atomic_path(path) as temporary, matplotlib.rc_context({"savefig.dpi": 90}):
        figure.savefig(temporary, format="png")


def main() -> None:
    """Prepare the clips, then train what is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/frame_generators"))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--only", choices=KINDS)
    args = parser.parse_args()
    data = args.runs / f"clips-{args.only or 'both'}"
    if not data.is_dir():
        split_by_identity(args.clips, data)
    for kind in [args.only] if args.only else KINDS:
        print(kind, run(kind, data, args.runs, args.minutes), flush=True)
    draw(HERE / "figure.png")


if __name__ == "__main__":
    main()
