"""Does FOMM train on today's torch? Four long runs at 64 px on synthetic heads, and a figure of them.

    python results/stability/measure.py [--runs runs/stability] [--steps 5000]

With `align_corners` True (the method's convention) and False (the published call as today's torch runs it),
with and without GAN terms; published rates and equivariance weights, nothing clipped, float32. The runs are
resumable. Written beside this file: figure.png, and the record of the runs with their curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from fommvg_lib.config.fomm import DiscriminatorConfig, FommConfig, HourglassConfig
from fommvg_lib.curves import read_curves, smoothed
from fommvg_lib.files import atomic_path, write_text
from fommvg_lib.run_record import write_run_record
from fommvg_lib.training.build import SYNTHETIC, build_recipe
from fommvg_lib.training.engine import EngineConfig, fit

HERE = Path(__file__).resolve().parent
VARIANTS = {
    f"align_corners={align}, {'with' if has_gan else 'no'} GAN": (align, has_gan)
    for has_gan in (False, True)
    for align in (True, False)
}


def variant_config(align_corners: bool, has_gan: bool, steps: int) -> FommConfig:
    """Give small networks with the published training: Adam 2e-4, equivariance 10, GAN 1, matching 10."""
    config = FommConfig.from_profile("smoke").replace(
        **{
            "num_steps": steps,
            "batch_size": 2,
            "clip_norm": 0.0,
            "lr_generator": 2e-4,
            "lr_kp_detector": 2e-4,
            "loss_weights.perceptual": (10.0, 0.0, 10.0),
            "loss_weights.equivariance_value": 10.0,
            "loss_weights.equivariance_jacobian": 10.0,
            "model.align_corners": align_corners,
            "model.detector": HourglassConfig(12, 3, 48),
            "model.dense_motion": HourglassConfig(12, 3, 48),
            "model.block_expansion": 16,
        }
    )
    if not has_gan:
        return config
    return config.replace(
        **{
            "loss_weights.generator_gan": 1.0,
            "loss_weights.feature_matching": (10.0, 10.0, 10.0),
            "discriminator": DiscriminatorConfig(
                block_expansion=16, max_features=64, num_blocks=3, spectral_norm=True
            ),
        }
    )


def run_variant(name: str, runs: Path, steps: int) -> dict[str, float]:
    """Train one variant; give its figures."""
    folder = runs / name.replace(" ", "_").replace(",", "").replace("=", "_")
    config = variant_config(*VARIANTS[name], steps)
    recipe = build_recipe("fomm", config, SYNTHETIC, torch.device("cpu"))
    settings = EngineConfig(log_every=20, validate_every=500, pictures_every=1000, checkpoint_every=500)
    result = fit(recipe, folder, settings, resume=True, show_progress=False)
    gradients = read_curves(folder / "gradients.csv")
    record = HERE / folder.name
    figures = {
        "steps": float(result.step),
        "held_out_ratio": result.validation["ratio"],
        "largest_grad_norm_kp_detector": float(np.nanmax(gradients["kp_detector"])),
        "median_grad_norm_kp_detector": float(np.nanmedian(gradients["kp_detector"])),
    }
    write_run_record(record, "stability", config.to_dict(), figures, config.seed, result.seconds)
    for curve in ("losses", "gradients", "validation"):
        write_text(record / "curves" / f"{curve}.csv", (folder / f"{curve}.csv").read_text(encoding="utf-8"))
    return figures


def draw(path: Path) -> None:
    """Draw held-out error, pixel loss and gradient norms of the recorded runs."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    for index, name in enumerate(VARIANTS):
        record = HERE / name.replace(" ", "_").replace(",", "").replace("=", "_") / "curves"
        losses, gradients = read_curves(record / "losses.csv"), read_curves(record / "gradients.csv")
        checks = read_curves(record / "validation.csv")
        style = {"color": f"C{index}", "linewidth": 1.2, "label": name}
        axes[0].plot(checks["step"], checks["ratio"], marker=".", **style)
        axes[1].plot(losses["step"], smoothed(losses["pixel"], 9), **style)
        axes[2].plot(gradients["step"], gradients["kp_detector"], **{**style, "linewidth": 0.6})
    axes[0].set(title="held-out L1 over repeat-first-frame", xlabel="step", ylabel="ratio")
    axes[1].set(title="pixel loss (mean of 180 steps)", xlabel="step", ylabel="loss (no unit)")
    axes[2].set(title="gradient norm, detector", xlabel="step", ylabel="norm (of 20 steps)", yscale="log")
    axes[0].axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
    axes[0].legend(fontsize=7, frameon=False)
    with atomic_path(path) as temporary, matplotlib.rc_context({"savefig.dpi": 90}):
        figure.savefig(temporary, format="png")


def main() -> None:
    """Run what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/stability"))
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--only", type=int, choices=range(len(VARIANTS)), help="one of the four")
    args = parser.parse_args()
    chosen = list(VARIANTS) if args.only is None else [list(VARIANTS)[args.only]]
    for name in chosen:
        print(name, run_variant(name, args.runs, args.steps), flush=True)
    if args.only is None:
        draw(HERE / "figure.png")


if __name__ == "__main__":
    main()
