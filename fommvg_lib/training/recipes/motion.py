"""What the recipes of the motion generators share: data, seeds, rates, the running mean of the weights.

All randomness comes from (seed, step, stream), so a step computes the same whenever it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig
from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.visualize import figure_picture, plot_tracks

STREAM_BATCH, STREAM_NOISE, STREAM_CRITIC, STREAM_CHECK = range(4)
NUM_CHECK_WINDOWS = 256
MIN_FRAMES = 4


def seeded(seed: int, step: int, stream: int) -> torch.Generator:
    """Give the generator of one step's randomness for one purpose."""
    state = np.random.SeedSequence([seed, step, stream]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))


@dataclass(frozen=True)
class MotionBatch:
    """Windows of one step.

    Attributes:
        windows: (B, T, D), raw.
        frames: (B, 2, D), random frames of the same clips (legacy forms start from them), or None.
    """

    windows: Tensor
    frames: Tensor | None = None


class MotionRecipe:
    """Base of both recipes; a recipe adds its model, its critic and `step`.

    Args:
        config: of VP or FI.
        data: a motion set; every 8th clip is held out (none if there are fewer than 8).
        device: where the networks live.

    Attributes:
        has_held_out: whether figures are of clips that were not learned from.

    Raises:
        InputError: if the clips are too short, or the set is empty or mixed.
    """

    kind: str

    def __init__(
        self,
        config: VideoPredictionConfig | FrameInterpolationConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str,
    ) -> None:
        self.config, self.device = config, torch.device(device)
        self.num_steps = config.num_epochs * config.epoch_size
        packed = data if isinstance(data, PackedMotion) else PackedMotion.from_clips(data)
        self.train, self.held_out = packed.split()
        if min(self.train.longest(), self.held_out.longest()) < MIN_FRAMES:
            raise InputError(
                f"the motion set has no clips of {MIN_FRAMES} frames to learn from and to check with"
            )
        self.has_held_out = self.train is not self.held_out
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._rates: dict[str, float] = {}
        self.is_legacy = config.form == "legacy"
        self.longest = config.max_seq_len if self.is_legacy else min(config.max_window, self.train.longest())

    def add_network(self, name: str, network: nn.Module) -> None:
        """Keep a network for saving and resuming, on the device."""
        self.networks[name] = network.to(self.device)

    def add_optimizer(self, name: str, parameters: list[nn.Parameter], rate: float) -> None:
        """Make an Adam optimiser; it equals the several published ones of the same rate."""
        is_fused = self.device.type in ("cpu", "cuda")
        self.optimizers[name] = torch.optim.Adam(parameters, rate, (self.config.beta1, 0.999), fused=is_fused)
        self._rates[name] = rate

    def set_rates(self, step: int) -> None:
        """Set the learning rates of a step: constant, then falling linearly towards 0."""
        begin = self.config.constant_share * self.num_steps
        left = max(0.0, self.num_steps - step) / max(1.0, self.num_steps - begin)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self._rates[name] * min(1.0, left)

    def average_weights(self, model: nn.Module, average: nn.Module, step: int) -> None:
        """Move the running mean of the weights; it follows faster at the beginning."""
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)

    def randn(self, step: int, stream: int, *shape: int) -> Tensor:
        """Draw the noise of a step for one purpose."""
        return torch.randn(shape, generator=seeded(self.config.seed, step, stream)).to(self.device)

    def batches(self, start_step: int) -> Iterator[MotionBatch]:
        """Yield the windows of `start_step` and after: the same ones for a step on every run."""
        for step in range(start_step, self.num_steps):
            generator = seeded(self.config.seed, step, STREAM_BATCH)
            yield self.draw_batch(step, generator)

    def draw_batch(self, step: int, generator: torch.Generator) -> MotionBatch:
        """Draw windows of a length between `min_window` and `max_window` (default forms)."""
        shortest = min(self.config.min_window, self.longest)
        length = int(torch.randint(shortest, self.longest + 1, (), generator=generator))
        windows, _ = self.train.draw(self.config.batch_size, length, generator)
        return MotionBatch(windows.to(self.device))

    def held_out_windows(self, length: int) -> Tensor:
        """Give up to 256 held-out windows (N, T, D), spread evenly; shorter if no clip is long enough."""
        length = min(length, self.held_out.longest())
        windows = self.held_out.every_window(length, stride=max(1, length // 2))
        chosen = torch.linspace(0, len(windows) - 1, min(len(windows), NUM_CHECK_WINDOWS)).long()
        return windows[chosen]

    def tracks(self, motions: dict[str, Tensor]) -> np.ndarray:
        """Draw the first three keypoints of motions (T, D) over time: uint8 (H, W, 3)."""
        named = {
            name: Motion.from_vectors(motion.cpu(), self.train.num_kp) for name, motion in motions.items()
        }
        return figure_picture(plot_tracks(named, kps=range(min(3, self.train.num_kp)), fps=self.train.fps))

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the weights for use: the running mean in the default form."""
        model = self.networks["model" if self.is_legacy else "average"]
        about = {"num_clips": len(self.train), "training": self.config.to_dict(), **info}
        return model.save(folder, about)
