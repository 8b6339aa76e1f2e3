"""FRGAN's generator, forward and backward: convolved at the lower resolution, against written out.

The plain side upsamples every earlier output again at every level, concatenates, normalises and convolves, as
the layers are published; both have the same weights and their outputs are compared. Processor time, the best
of some runs in turn, at the full widths with one frame and at the `shipped` ones with eight.
Run alone: `python -m tests.bench.frgan_decoder_speed`.
"""

from __future__ import annotations

import time
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from fommvg_lib.config.frgan import ForecastConfig, FrganConfig
from fommvg_lib.pixel_baseline.frgan import blocks
from fommvg_lib.pixel_baseline.frgan.forecast import ForecastGenerator

REPEATS, SIZE = 3, 64
CASES = {"full": (ForecastConfig(), 1), "shipped": (FrganConfig.from_profile("shipped").forecast, 8)}


def plain_pooled_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve, then pool."""
    return F.avg_pool2d(F.conv2d(x, weight, bias, padding=1), 2)


def plain_norm(norm: torch.nn.BatchNorm2d, parts: list[blocks.Part]) -> list[blocks.Part]:
    """Normalise the upsampled whole, in one piece."""
    return [blocks.Part(norm(torch.cat([part.whole() for part in parts], dim=1)), 1)]


def plain_block(conv: torch.nn.Conv2d, parts: list[blocks.Part]) -> Tensor:
    """Concatenate at full resolution, upsample once more, convolve."""
    whole = torch.cat([part.whole() for part in parts], dim=1)
    return conv(F.interpolate(whole, scale_factor=2))


def measure() -> dict[str, float]:
    """Measure and print; give processor time of both sides in ms and their ratio, by case."""
    torch.set_num_threads(1)
    figures = {}
    for name, (config, batch) in CASES.items():
        torch.manual_seed(0)
        generator = ForecastGenerator(config, 3, 10, SIZE)
        inputs = torch.rand(batch, 3, SIZE, SIZE), *torch.rand(2, batch, 10, SIZE, SIZE)
        ours, theirs, difference = [], [], 0.0
        for _ in range(REPEATS):
            seconds, image = _step(generator, inputs)
            ours.append(seconds)
            with (
                patch.object(blocks, "norm_parts", plain_norm),
                patch.object(blocks, "pooled_conv", plain_pooled_conv),
                patch.object(blocks, "_upsample_and_convolve", lambda parts, conv: plain_block(conv, parts)),
            ):
                seconds, plain = _step(generator, inputs)
            theirs.append(seconds)
            difference = max(difference, (image - plain).abs().max().item())
        ratio = min(theirs) / min(ours)
        print(
            f"frgan_decoder {name}: {1e3 * min(ours):.0f} ms against {1e3 * min(theirs):.0f} ms a step of "
            f"{batch}, {ratio:.2f} x as fast; largest difference {difference:.1e}",
            flush=True,
        )
        figures |= {f"ms_{name}": 1e3 * min(ours), f"ms_plain_{name}": 1e3 * min(theirs)}
        figures |= {f"ratio_{name}": ratio, f"difference_{name}": difference}
    return figures


def _step(generator: ForecastGenerator, inputs: tuple) -> tuple[float, Tensor]:
    generator.zero_grad()
    began = time.process_time()
    made = generator(*inputs)
    (made.image.square().mean() + made.mask.mean()).backward()
    return time.process_time() - began, made.image.detach()


if __name__ == "__main__":
    measure()
