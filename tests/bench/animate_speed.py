"""Animation at full vox-256 sizes: ours against a plain loop of the same modules, frame by frame.

The plain loop does what the published demo does: for every driving frame, keypoints of that frame, then the
whole generator, source encoder included. Ours extracts the driver in batches, encodes the source once and
renders in batches with merged layers. Weights are random; both sides run with the same number of threads.
Run alone: `python -m tests.bench.animate_speed [frames] [threads]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fommvg_lib.config.fomm import FommModelConfig
from fommvg_lib.frame_generator.fomm import Fomm
from fommvg_lib.precision import has_real_bf16

SIZE = 256
REPEATS = 2


def random_model() -> Fomm:
    """Full sizes; weights drawn and batch statistics taken such that pictures, keypoints and flow vary.

    Heads are scaled down to soft heatmaps and masks: sharp ones make any random network chaotic, and then the
    difference of two ways to compute it says nothing.
    """
    torch.manual_seed(0)
    model = Fomm(FommModelConfig(), SIZE)
    detector, dense = model.kp_detector, model.generator.dense_motion_network
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # statistics of the last batch seen
    with torch.no_grad():
        for head in (detector.kp, dense.mask, dense.occlusion, model.generator.final):
            head.weight.mul_(0.3)
        torch.nn.init.normal_(detector.jacobian.weight, 0, 0.002)
        detector.kp.weight.mul_(0.3)
        for block in model.generator.bottleneck:  # residual branches of trained networks are small
            block.conv2.weight.mul_(0.3)
        source, driving = driving_frames(2)
        images = torch.stack([source, driving[0]])
        model.train()
        motion = model.kp_detector(images)
        model.generator(images, motion, motion[[1, 0]])
    return model.eval()


def driving_frames(count: int) -> tuple[Tensor, Tensor]:
    """Give a source (C, H, W) and a driver (T, C, H, W): smooth blobs that drift."""
    generator = torch.Generator().manual_seed(1)
    base = torch.rand(1, 3, 12, 12, generator=generator)
    wide = torch.nn.functional.interpolate(base, (SIZE + 64, SIZE + 64), mode="bicubic", align_corners=False)
    wide = wide.clamp(0, 1)[0]
    frames = [wide[:, t % 64 : t % 64 + SIZE, 32 : 32 + SIZE] for t in range(count)]
    return wide[:, 32 : 32 + SIZE, 16 : 16 + SIZE].clone(), torch.stack(frames)


@torch.no_grad()
def plain_loop(model: Fomm, source: Tensor, driving: Tensor) -> Tensor:
    """Render frame by frame, without reuse."""
    kp_source = model.kp_detector(source[None])
    frames = [
        model.generator(source[None], kp_source, model.kp_detector(frame[None])).prediction
        for frame in driving
    ]
    return torch.cat(frames)


def ours(model: Fomm, source: Tensor, driving: Tensor) -> Tensor:
    """Render as `animate` does in absolute mode."""
    motion = model.extract(driving)
    return torch.cat(list(model.render(model.encode(source), motion)))


def timed(function: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Give the result and the best of `REPEATS` wall times in seconds."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - began)
    return result, best


def measure(num_frames: int = 16, num_threads: int | None = None) -> dict[str, float]:
    """Measure and print; give the figures."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    model = random_model()
    source, driving = driving_frames(num_frames)
    spread = plain_loop(model, source, driving[:1]).std().item()  # also warms up
    _show("output spread", f"{spread:.3f} (standard deviation of a rendered frame)")
    wanted, seconds = timed(lambda: plain_loop(model, source, driving))
    figures = {"threads": float(torch.get_num_threads()), "plain_fps": num_frames / seconds}
    _show("plain fp32", f"{figures['plain_fps']:.2f} frames/s ({torch.get_num_threads()} threads, {SIZE} px)")
    for precision in ("fp32", "bf16"):
        if precision == "bf16" and not has_real_bf16(torch.device("cpu")):
            _show("ours bf16", "not measured (this processor has no native bfloat16)")
            continue
        fast = model.for_inference(autocast=precision)
        ours(fast, source, driving[:4])  # warm up
        got, seconds = timed(lambda fast=fast: ours(fast, source, driving))
        ratio = num_frames / seconds / figures["plain_fps"]
        difference = (got - wanted).abs()
        figures |= {
            f"{precision}_fps": num_frames / seconds,
            f"{precision}_ratio": ratio,
            f"{precision}_max_difference": difference.max().item(),
            f"{precision}_mean_difference": difference.mean().item(),
        }
        _show(
            f"ours {precision}", f"{num_frames / seconds:.2f} frames/s (x{ratio:.2f} against the plain loop)"
        )
        _show(
            f"difference {precision}",
            f"max {difference.max():.2e}, mean {difference.mean():.2e} (of 1, against the plain loop)",
        )
    return figures


def _show(name: str, value: str) -> None:
    print(f"animate {name}: {value}", flush=True)


if __name__ == "__main__":
    measure(*(int(word) for word in sys.argv[1:3]))
