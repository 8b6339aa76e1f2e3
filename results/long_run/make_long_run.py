"""600 frames from one picture by motion flow: does it drift, freeze, or show where its windows meet?

    python results/long_run/make_long_run.py [--motion WEIGHTS] [--frames 600]

Continues the first frame of held-out synthetic heads and compares with the real heads, both as the shipped
FOMM sees them. Writes figure.png (tracks of both, windows marked) and config, metrics and manifest beside
this file.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fommvg_lib.files import atomic_path
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.motion_generator.flow_windows import plan_windows
from fommvg_lib.run_record import write_run_record
from fommvg_lib.training.build import synthetic_motion
from fommvg_lib.weights import DEFAULTS, find_weights

HERE = Path(__file__).resolve().parent
NUM_CLIPS, NUM_BLOCKS, SEED = 16, 10, 0
SHOWN = {"head (keypoint 0), x": 0, "head (keypoint 0), y": 1, "Jacobian of keypoint 0, dx/dx": 20}


def block_figures(motion: Tensor, real: Tensor) -> dict[str, list[float]]:
    """Give, for each tenth of the time, how far and how fast places go, over the same of all real frames.

    Args:
        motion: (N, T, 2 K) places.
        real: (N, T, 2 K).

    Returns:
        `reach`: root-mean-square distance from the clip's first frame; `speed`: mean step.
    """
    moved, real_moved = (x - x[:, :1] for x in (motion, real))
    steps, real_steps = (x.diff(dim=1).abs().mean(dim=-1) for x in (motion, real))
    reach = [(b.square().mean() / real_moved.square().mean()).sqrt() for b in moved.chunk(NUM_BLOCKS, dim=1)]
    speed = [b.mean() / real_steps.mean() for b in steps.chunk(NUM_BLOCKS, dim=1)]
    return {"reach": [round(x.item(), 3) for x in reach], "speed": [round(x.item(), 3) for x in speed]}


def seam_ratio(motion: Tensor, seams: list[int]) -> float:
    """Give the mean second difference where a window's first new frame stands over that of all frames."""
    bend = motion.diff(n=2, dim=1).abs().mean(dim=(0, 2))  # bend[t] is at frame t + 1
    at = torch.tensor([bend[s - 2 : s + 1].mean() for s in seams])  # frames s - 1, s, s + 1
    return (at.mean() / bend.mean()).item()


def draw(made: Tensor, real: Tensor, seams: list[int], path: Path) -> None:
    """Draw tracks of three clips, real and generated, with the windows' seams."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplots(len(SHOWN), 2, sharex=True, sharey="row")
    for row, (name, place) in zip(panels, SHOWN.items(), strict=True):
        for axes, motion, title in zip(row, (real, made), ("real", "motion flow"), strict=True):
            axes.plot(motion[:3, :, place].T, linewidth=0.8)
            axes.set_title(f"{title}: {name}", fontsize=8)
            axes.tick_params(labelsize=7)
        for seam in seams:
            row[1].axvline(seam, color="grey", linewidth=0.4, linestyle=":")
    for axes in panels[-1]:
        axes.set_xlabel("frame (25 a second)", fontsize=8)
    with atomic_path(path) as temporary, matplotlib.rc_context({"savefig.dpi": 100}):
        figure.savefig(temporary, format="png")


def main() -> None:
    """Make, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motion", default="heads64-flow", help="weights of the flow: a folder or a name")
    parser.add_argument("--frames", type=int, default=600)
    args = parser.parse_args()
    began, frames = time.monotonic(), load_frame_generator(find_weights(DEFAULTS["fomm"]))
    clips = synthetic_motion(frames, "test", NUM_CLIPS, args.frames, seed=SEED + 1)
    real = torch.stack([clip.motion.vectors() for clip in clips])
    flow = load_motion_generator(find_weights(args.motion), "cpu", real.shape[-1], frames.num_kp)
    known = torch.zeros(real.shape[:2], dtype=torch.bool)
    known[:, 0] = True
    seconds = time.monotonic()
    given = real.masked_fill(~known[..., None], float("nan"))
    made = flow.complete(given, known, 1, torch.Generator().manual_seed(SEED))[0]
    seconds = time.monotonic() - seconds
    seams = [window.keep_start for window in plan_windows(known[0], flow.max_window)][1:]
    places = 2 * frames.num_kp
    metrics = {
        "made": block_figures(made[..., :places], real[..., :places]),
        "real": block_figures(real[..., :places], real[..., :places]),
        "seam_bend_over_mean": seam_ratio(made[..., :places], seams),
        "largest_place": made[..., :places].abs().max().item(),
        "largest_real_place": real[..., :places].abs().max().item(),
        "share_touched": flow.share_touched,
        "seconds_of_flow": seconds,
    }
    draw(made, real, seams, HERE / "figure.png")
    config = {"frames": args.frames, "clips": NUM_CLIPS, "num_steps": flow.num_steps, "motion": args.motion}
    extra = {"weights_hash": frames.weights_hash, "data": "synthetic"}
    write_run_record(HERE, "long_run", config, metrics, SEED, time.monotonic() - began, extra)
    for name, value in metrics.items():
        print(name, value)


if __name__ == "__main__":
    main()
