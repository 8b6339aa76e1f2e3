"""Training motion flow: conditional flow matching on windows of which some frames are known.

A step: windows of one random length; some random patterns of known frames, each for a block of windows; for
each window a draw from the prior, as lively as the window itself, and a time t of the flow. The network sees
x_t = (1 - t) draw + t motion, and the velocity it gives on unknown frames is pulled to motion - draw. Two
terms do the same for its first and second differences from frame to frame, each number in units of its own:
jitter is small beside displacement and would hardly count. Source: Lipman et al. 2023, Eq. 9 and Sec. 4.1
(straight paths).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.flow import FlowConfig
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.motion_generator.flow import MotionFlow
from fommvg_lib.motion_losses import flow_matching
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase
from fommvg_lib.training.recipes.completion_figures import interpolation_figures, prediction_figures
from fommvg_lib.training.recipes.known_frames import draw_known
from fommvg_lib.training.recipes.motion import STREAM_CHECK, STREAM_NOISE, MotionRecipe, seeded

CHECK_PREDICTION = 60
CHECK_INTERPOLATION = (12, 32)
PICTURE_FRAMES = 48
LEAST_SHARE = 0.05
"""Of the mean size of all numbers, below which a number that hardly moves counts no more."""


class FlowRecipe(MotionRecipe):
    """The recipe of `train flow`.

    Args:
        config: of the network, the masks and the schedule.
        data: a motion set.
        device: where the network lives.
        frame_generator: the weights whose motion this is, to be compared; None: nobody knows.

    Raises:
        InputError: if the clips are too short, the set is empty, mixed or another frame generator's.
    """

    kind = "flow"
    config: FlowConfig

    def __init__(
        self,
        config: FlowConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str = "cpu",
        frame_generator: Weights | None = None,
    ) -> None:
        super().__init__(config, data, device, frame_generator)
        train = self.train
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = MotionFlow(
                train.num_dims, train.num_kp, config.width, config.num_layers, config.num_heads,
                config.hidden_dim, config.min_window, self.longest, train.fps, train.weights_hash,
            )  # fmt: skip
        windows = train.every_window(self.longest)
        self.model.fit(windows)
        path = self.model.see(windows, known_at(self.longest, 0).expand(len(windows), -1)).path
        sizes = (path.diff(n=order, dim=1).square().mean(dim=(0, 1)).sqrt() for order in range(3))
        self.units = [size.clamp_min(LEAST_SHARE * size.mean()).to(device) for size in sizes]
        self.add_model(self.model)
        self.add_optimizer(
            "model", list(self.model.parameters()), config.learning_rate, (config.beta1, config.beta2),
            config.weight_decay, is_decay_decoupled=True,
        )  # fmt: skip

    def measure_motion(self) -> None:
        """Do nothing: no figure of real motion is part of the loss."""

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor of a step: rising to 1 in the warm-up, then constant, then falling towards 0."""
        return min(1.0, (step + 1) / (self.config.warm_up + 1)) * super().learning_rate_factor(step)

    def draw_batch(self, step: int, generator: torch.Generator) -> Batch:
        """Draw the global batch: windows of one length, the frames known in each, times of the flow."""
        shortest = min(self.config.min_window, self.longest)
        rise = torch.rand((), generator=generator, dtype=torch.float64).item()
        length = min(self.longest, int(shortest * ((self.longest + 1) / shortest) ** rise))
        size = self.config.batch_size
        windows, _ = self.train.draw(size, length, generator)
        patterns = draw_known(self.config.num_patterns, length, self.config, generator)
        return {"windows": windows, "patterns": patterns, "times": torch.rand(size, generator=generator)}

    def phases(self, step: int) -> list[Phase]:
        """Update the network."""
        return [Phase(("model",), self._losses, before=self.limit_gradient("model"))]

    def _losses(self, batch: Batch, step: int, share: Share) -> Losses:
        windows, patterns, time = batch["windows"], batch["patterns"], batch["times"]
        known = patterns.repeat_interleave(len(windows) // len(patterns), dim=0)
        bridge = self.model.prior.bridge(patterns)
        seen = self.model.see(windows, known)
        noise = self.randn(step, STREAM_NOISE, share, *seen.path.shape)
        activity = self.model.activity.measure(self.model.prior.components(seen.path))
        start = bridge.draw(seen.path, noise, activity)
        mixed = torch.lerp(start, seen.path, time[:, None, None])
        velocity = self.model.velocity(mixed, time, known, seen.condition, activity, bridge)
        loss, change, bend = flow_matching(velocity, seen.path - start, known, self.units)
        total = loss + self.config.weight_change * change + self.config.weight_bend * bend
        return Losses.of(total, {"loss_flow": loss, "loss_change": change, "loss_bend": bend})

    def _complete(self, windows: Tensor, known: Tensor, num_samples: int) -> Tensor:
        """Complete held-out windows (N, T, D) that all know the same frames (T,): (S, N, T, D)."""
        generator = seeded(self.config.seed, 0, STREAM_CHECK)
        pattern = known.expand(len(windows), -1)
        return self.for_use("model").complete(windows, pattern, num_samples, generator)

    def validate(self, step: int) -> dict[str, float]:
        """Give VP's figures for 59 frames after one, and FI's for windows of 12 and 32 frames."""
        real = self.held_out_windows(CHECK_PREDICTION)
        num_kp, known = self.train.num_kp, known_at(real.shape[1], 0)
        figures = prediction_figures(real, self._complete(real, known, 1)[0], num_kp)
        for length in CHECK_INTERPOLATION:
            real = self.held_out_windows(length)
            known = known_at(real.shape[1], 0, -1)
            samples = self._complete(real, known, self.config.num_samples)
            figures |= interpolation_figures(real, samples, known, num_kp, f"{length}")
        return figures

    def sample_motions(self) -> dict[str, Tensor]:
        """Give a held-out window, predicted, interpolated and between keyframes."""
        real = self.picture_window(PICTURE_FRAMES)
        middle = real.shape[1] // 2
        patterns = {"predicted": (0,), "interpolated": (0, -1), "between keyframes": (0, middle, -1)}
        made = {
            name: self._complete(real, known_at(real.shape[1], *places), 1)[0, 0]
            for name, places in patterns.items()
        }
        return {"real": real[0], **made}


def known_at(num_frames: int, *places: int) -> Tensor:
    """Give (T,) bool, true at some places."""
    known = torch.zeros(num_frames, dtype=torch.bool)
    known[list(places)] = True
    return known
