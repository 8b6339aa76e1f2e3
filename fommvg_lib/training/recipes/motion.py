"""What the recipes of the motion generators share: data, seeds, rates.

All randomness comes from (seed, step, stream), so a step computes the same whenever it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig
from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import WHOLE, Share
from fommvg_lib.training.recipe import Batch, Recipe, constant_then_linear, load_same_model
from fommvg_lib.training.recipes.rendered import RenderedSamples
from fommvg_lib.visualize import figure_picture, plot_tracks

STREAM_BATCH, STREAM_NOISE, STREAM_CRITIC, STREAM_CHECK, STREAM_IDENTITY = range(5)
NUM_CHECK_WINDOWS = 256
MIN_FRAMES = 4


def seeded(seed: int, step: int, stream: int) -> torch.Generator:
    """Give the generator of one step's randomness for one purpose."""
    state = np.random.SeedSequence([seed, step, stream]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))


class MotionRecipe(Recipe):
    """Base of both recipes; a recipe adds its model, its critic and its phases.

    A batch holds `windows` (B, T, D), raw, and where motion does not start from these (legacy forms) `frames`
    (B, 1 or 2, D): random frames of the same clips.

    Args:
        config: of VP or FI.
        data: a motion set; every 8th clip is held out (none if there are fewer than 8).
        device: where the networks live.
        frame_generator: the weights whose motion this is, to be compared; None: nobody knows.

    Attributes:
        has_held_out: whether figures are of clips that were not learned from.
        rendered: draws sample pictures as frames too; None (until it is set): keypoint tracks alone.

    Raises:
        InputError: if the clips are too short, the set is empty or mixed, or another frame generator's.
    """

    kind: str
    rendered: RenderedSamples | None = None

    def __init__(
        self,
        config: VideoPredictionConfig | FrameInterpolationConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str,
        frame_generator: Weights | None = None,
    ) -> None:
        packed = data if isinstance(data, PackedMotion) else PackedMotion.from_clips(data)
        if frame_generator is not None:
            check_is_motion_of(frame_generator, packed)
        num_steps = config.num_epochs * config.epoch_size
        super().__init__(config, device, num_steps, config.batch_size, packed.fingerprint())
        self.train, self.held_out = packed.split()
        if min(self.train.longest(), self.held_out.longest()) < MIN_FRAMES:
            raise InputError(
                f"the motion set has no clips of {MIN_FRAMES} frames to learn from and to check with"
            )
        self.has_held_out = self.train is not self.held_out
        self.is_legacy = getattr(config, "form", "default") == "legacy"
        self.longest = config.max_seq_len if self.is_legacy else min(config.max_window, self.train.longest())

    def add_adam(self, name: str, networks: Sequence[nn.Module], rate: float) -> None:
        """Make the optimiser of some networks; one equals the several published ones of the same rate."""
        parameters = [parameter for network in networks for parameter in network.parameters()]
        self.add_optimizer(name, parameters, rate, (self.config.beta1, 0.999))

    def limit_gradient(self, name: str) -> Callable[[], None]:
        """Give what brings the gradient of an optimiser's parameters down to `clip_norm`, if that is set."""

        def limit() -> None:
            parameters = [p for group in self.optimizers[name].param_groups for p in group["params"]]
            if self.config.clip_norm:
                torch.nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)

        return limit

    def add_model(self, model: nn.Module) -> None:
        """Add what is saved for use: in the default form the running mean of its weights."""
        self.add_network("model", model, None if self.is_legacy else self.config.ema_decay)

    def start_from(self, weights: Weights) -> None:
        """Begin with trained weights, in the space of their scaling and components; critics begin anew.

        Raises:
            InputError: if they are of another kind or size, or learned another frame generator's motion.
        """
        model = self.networks["model"]
        learned = weights.info.get("frame_generator_hash")
        if learned and self.train.weights_hash and learned != self.train.weights_hash:
            raise InputError(
                f"{weights.folder}: learned the motion of frame generator {learned[:12]}, "
                f"the motion set is of {self.train.weights_hash[:12]}"
            )
        load_same_model(model.cpu(), weights, self.kind, model.sizes)
        if not self.is_legacy:
            self.measure_motion()
            self.averages["model"].load_state_dict(model.state_dict())
        model.to(self.device)

    def measure_motion(self) -> None:
        """Measure real motion in the model's space (default forms)."""
        raise NotImplementedError

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor of a step: 1, then falling linearly towards 0."""
        return constant_then_linear(step, self.num_steps, self.config.constant_share)

    def randn(self, step: int, stream: int, share: Share, *shape: int, dim: int = 0) -> Tensor:
        """Draw a share of the noise of a step for one purpose; `shape` is the share's, `dim` its batch."""
        whole = [size * share.count if axis == dim else size for axis, size in enumerate(shape)]
        noise = torch.randn(whole, generator=seeded(self.config.seed, step, stream))
        return share.of(noise, dim).to(self.device)

    def batches(self, start_step: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield windows from `start_step` on: the same ones for a step on every run."""
        for step in range(start_step, self.num_steps):
            batch = self.draw_batch(step, seeded(self.config.seed, step, STREAM_BATCH))
            yield {name: share.of(values) for name, values in batch.items()}

    def draw_batch(self, step: int, generator: torch.Generator) -> Batch:
        """Draw the global batch."""
        return {"windows": self.draw_windows(generator)[0]}

    def draw_windows(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw windows (B, T, D) of `min_window` to `max_window` frames, and their clips (B,)."""
        shortest = min(self.config.min_window, self.longest)
        length = int(torch.randint(shortest, self.longest + 1, (), generator=generator))
        return self.train.draw(self.config.batch_size, length, generator)

    def held_out_windows(self, length: int) -> Tensor:
        """Give up to 256 held-out windows (N, T, D), spread evenly; shorter if no clip is long enough."""
        length = min(length, self.held_out.longest())
        windows = self.held_out.every_window(length, stride=max(1, length // 2))
        chosen = torch.linspace(0, len(windows) - 1, min(len(windows), NUM_CHECK_WINDOWS)).long()
        return windows[chosen]

    def sample_motions(self) -> dict[str, Tensor]:
        """Give what sample pictures show: motions (T, D) by caption, `picture_window` among them."""
        raise NotImplementedError

    def picture_window(self, length: int) -> Tensor:
        """Give the window (1, T, D) that sample pictures are of: the first held-out one."""
        return self.held_out_windows(length)[:1]

    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Draw keypoint tracks of `sample_motions`, and where `rendered` is set their frames."""
        motions = self.sample_motions()
        pictures = {"tracks": self.tracks(motions)}
        if self.rendered is not None:
            length, held = max(map(len, motions.values())), self.held_out
            names = (name for name, n in zip(held.names, held.lengths.tolist(), strict=True) if n >= length)
            pictures["frames"] = self.rendered.strip(next(names), motions)
        return pictures

    def tracks(self, motions: dict[str, Tensor]) -> np.ndarray:
        """Draw the first three keypoints of motions (T, D) over time: uint8 (H, W, 3)."""
        named = {
            name: Motion.from_vectors(motion.cpu(), self.train.num_kp) for name, motion in motions.items()
        }
        return figure_picture(plot_tracks(named, kps=range(min(3, self.train.num_kp)), fps=self.train.fps))

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the weights for use: the running mean in the default form."""
        about = {"num_clips": len(self.train), "training": self.config.to_dict(), **info}
        return self.for_use("model").save(folder, about)


def check_is_motion_of(weights: Weights, motion: PackedMotion) -> None:
    """Refuse a motion set of another frame generator; one that does not say whose it is passes.

    An AVD network is trained on a finished TPSMM and leaves its keypoints alone, so that motion of the TPSMM
    before that is also its own.

    Raises:
        InputError: naming both.
    """
    if motion.weights_hash not in ("", weights.keypoints_hash, weights.sha256):
        raise InputError(
            f"{weights.folder}: is the {weights.kind} frame generator {weights.sha256[:12]}, "
            f"the motion set is of {motion.describe_origin()}"
        )
