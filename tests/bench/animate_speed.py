"""Animation at full vox-256 sizes, FOMM and TPSMM: ours against a plain loop of the same modules.

The plain loop does what the published demos do: for every driving frame, keypoints of that frame, then the
whole generator, source encoder included. Ours extracts the driver in batches, encodes the source once and
renders in batches with merged layers. Weights are random; both sides run with the same number of threads.
A profile says which operators our time goes into.
Run alone: `python -m tests.bench.animate_speed [fomm|tpsmm] ...`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fommvg_lib.config.fomm import FommModelConfig
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.frame_generator.fomm import Fomm
from fommvg_lib.frame_generator.keypoint_model import KeypointModel
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.precision import has_real_bf16

SIZE = 256
NUM_FRAMES, REPEATS = 16, 2
NUM_OPERATORS = 6


def drawn(model: KeypointModel) -> KeypointModel:
    """Draw weights that keep values' size from layer to layer; batch statistics follow the last batch."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    return model


def random_fomm() -> Fomm:
    """Full sizes; weights drawn and batch statistics taken such that pictures, keypoints and flow vary.

    Heads are scaled down to soft heatmaps and masks: sharp ones make any random network chaotic, and then the
    difference of two ways to compute it says nothing.
    """
    torch.manual_seed(0)
    model = drawn(Fomm(FommModelConfig(), SIZE))
    detector, dense = model.kp_detector, model.generator.dense_motion_network
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


def random_tpsmm() -> Tpsmm:
    """The same for the TPSMM: soft masks, small residual branches, and a spline's points lie apart.

    (Points on a line make a spline that amplifies rounding.)
    """
    torch.manual_seed(0)
    model = drawn(Tpsmm(TpsmmModelConfig(), SIZE))
    dense, inpainting = model.dense_motion_network, model.inpainting_network
    with torch.no_grad():
        for head in (dense.maps, *dense.occlusion, inpainting.final):
            head.weight.mul_(0.1)
        for block in inpainting.resblock:
            block.conv2.weight.mul_(0.3)
        torch.nn.init.normal_(model.kp_detector.fg_encoder.fc.weight, 0, 0.02)
        corners = torch.tensor([[-1.0, -1], [1, -1], [0, 0], [-1, 1], [1, 1]])
        points = 0.4 * corners + 0.8 * torch.rand(model.config.num_tps, 1, 2) - 0.4  # (K, 5, 2)
        model.kp_detector.fg_encoder.fc.bias.copy_(torch.logit((points + 1) / 2).flatten())
        model.train().kp_detector(driving_frames(4)[1])
    return model.eval()


FAMILIES = {"fomm": random_fomm, "tpsmm": random_tpsmm}


def driving_frames(count: int) -> tuple[Tensor, Tensor]:
    """Give a source (C, H, W) and a driver (T, C, H, W): smooth blobs that drift."""
    generator = torch.Generator().manual_seed(1)
    base = torch.rand(1, 3, 12, 12, generator=generator)
    wide = torch.nn.functional.interpolate(base, (SIZE + 64, SIZE + 64), mode="bicubic", align_corners=False)
    wide = wide.clamp(0, 1)[0]
    frames = [wide[:, t % 64 : t % 64 + SIZE, 32 : 32 + SIZE] for t in range(count)]
    return wide[:, 32 : 32 + SIZE, 16 : 16 + SIZE].clone(), torch.stack(frames)


@torch.no_grad()
def plain_loop(model: KeypointModel, source: Tensor, driving: Tensor) -> Tensor:
    """Render frame by frame, without reuse."""
    generate = model.generator if isinstance(model, Fomm) else model
    kp_source = model.kp_detector(source[None])
    frames = [
        generate(source[None], kp_source, model.kp_detector(frame[None])).prediction for frame in driving
    ]
    return torch.cat(frames)


def ours(model: KeypointModel, source: Tensor, driving: Tensor) -> Tensor:
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


def operators(function: Callable[[], Tensor]) -> dict[str, float]:
    """Give the operators that take most of the time, and their share of it."""
    with torch.autograd.profiler.profile(use_kineto=False) as profile:  # the other one chatters
        function()
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_cpu_time_total)
    whole = sum(row.self_cpu_time_total for row in rows)
    return {row.key: row.self_cpu_time_total / whole for row in rows[:NUM_OPERATORS]}


def measure(families: tuple[str, ...] = tuple(FAMILIES)) -> dict[str, float]:
    """Measure and print; give the figures."""
    figures: dict[str, float] = {"threads": float(torch.get_num_threads())}
    for family in families:
        figures |= {f"{family} {name}": value for name, value in measure_one(family).items()}
    return figures


def measure_one(family: str) -> dict[str, float]:
    """Measure one family."""
    model = FAMILIES[family]()
    source, driving = driving_frames(NUM_FRAMES)
    spread = plain_loop(model, source, driving[:1]).std().item()  # also warms up
    _show(family, "output spread", f"{spread:.3f} (standard deviation of a rendered frame)")
    wanted, seconds = timed(lambda: plain_loop(model, source, driving))
    moved = (wanted - wanted[:1]).abs().mean().item()
    _show(family, "output moves", f"{moved:.3f} (mean difference of a rendered frame from the first)")
    figures = {"plain_fps": NUM_FRAMES / seconds}
    threads = torch.get_num_threads()
    _show(family, "plain fp32", f"{figures['plain_fps']:.2f} frames/s ({threads} threads, {SIZE} px)")
    for precision in ("fp32", "bf16"):
        if precision == "bf16" and not has_real_bf16(torch.device("cpu")):
            _show(family, "ours bf16", "not measured (this processor has no native bfloat16)")
            continue
        fast = model.for_inference(autocast=precision)
        ours(fast, source, driving[:4])  # warm up
        got, seconds = timed(lambda fast=fast: ours(fast, source, driving))
        fps, difference = NUM_FRAMES / seconds, (got - wanted).abs()
        figures |= {
            f"{precision}_fps": fps,
            f"{precision}_ratio": fps / figures["plain_fps"],
            f"{precision}_max_difference": difference.max().item(),
            f"{precision}_mean_difference": difference.mean().item(),
        }
        ratio = f"x{fps / figures['plain_fps']:.2f} against the plain loop"
        _show(family, f"ours {precision}", f"{fps:.2f} frames/s ({ratio})")
        about = f"max {difference.max():.2e}, mean {difference.mean():.2e} (of 1, against the plain loop)"
        _show(family, f"difference {precision}", about)
        for operator, share in operators(lambda fast=fast: ours(fast, source, driving[:4])).items():
            figures[f"{precision}_share {operator}"] = share
            _show(family, f"{precision}_share {operator}", f"{share:.2f} (of our time)")
    return figures


def _show(family: str, name: str, value: str) -> None:
    print(f"animate {family} {name}: {value}", flush=True)


if __name__ == "__main__":
    measure(tuple(sys.argv[1:]) or tuple(FAMILIES))
