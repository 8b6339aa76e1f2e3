"""Training the First Order Motion Model (Siarohin et al. 2019, Sec. 3 and the public release's loop).

A step: generator and keypoint detector together (two Adam optimisers, one backward); then, only if the GAN
weight is not 0, the discriminator on the detached prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.clips import ClipSet, FramePairs, PairLoader, fingerprint
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.frame_generator.fomm.discriminator import MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.generator import Generated
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.fomm.objective import discriminator_loss, generator_losses
from fommvg_lib.frame_generator.fomm.transform import random_transform
from fommvg_lib.frame_generator.grid import resize_map
from fommvg_lib.generate import to_images, to_tensor
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import build_perceptual
from fommvg_lib.share import WHOLE, Share
from fommvg_lib.training.recipe import Batch, Losses, Phase, Recipe, load_same_model
from fommvg_lib.visualize import draw_keypoints, strip

NUM_VALIDATION_CLIPS = 12
NUM_VALIDATION_FRAMES = 8


class FommRecipe(Recipe):
    """The recipe of `train fomm`. A batch holds `source` and `driving` (B, C, H, W) in [0, 1].

    Args:
        config: sizes, losses, data and schedule.
        train: clips that are learned from.
        test: clips of other identities, for figures and pictures.
        device: where the networks live.
        num_workers: processes that prepare batches; 0 prepares them in this one.
    """

    kind = "fomm"
    best_figure = "ratio"
    config: FommConfig

    def __init__(
        self, config: FommConfig, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        self.pairs = FramePairs(train, config.data, config.seed, config.model.num_channels)
        num_steps = config.num_steps or config.num_epochs * max(1, len(self.pairs) // config.batch_size)
        super().__init__(config, device, num_steps, config.batch_size, fingerprint(train))
        self.num_workers, self.precision = num_workers, config.precision
        self._held_out = _held_out_frames(test, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Fomm(config.model, config.size).to(memory_format=torch.channels_last)
            self.discriminator = self._build_discriminator()
        self.perceptual = build_perceptual(config.perceptual, config.scales, config.loss_weights.perceptual)
        self.perceptual.to(device)
        self.add_network("model", self.model, config.ema_decay)
        self._add_adam("generator", self.model.generator, config.lr_generator)
        self._add_adam("kp_detector", self.model.kp_detector, config.lr_kp_detector)
        if self.discriminator is not None:
            self.add_network("discriminator", self.discriminator)
            self._add_adam("discriminator", self.discriminator, config.lr_discriminator)

    def _build_discriminator(self) -> MultiScaleDiscriminator | None:
        if self.config.loss_weights.generator_gan == 0:
            return None
        model = self.config.model
        network = MultiScaleDiscriminator(self.config.discriminator, model.num_channels, model.num_kp)
        return network.to(memory_format=torch.channels_last)

    def _add_adam(self, name: str, network: nn.Module, rate: float) -> None:
        self.add_optimizer(name, list(network.parameters()), rate, (0.5, 0.999))

    def compiled_modules(self) -> list[nn.Module]:
        """Give the modules that a step calls: detector and generator, not the model around them."""
        modules = [self.model.generator, self.model.kp_detector]
        return modules if self.discriminator is None else [*modules, self.discriminator]

    def start_from(self, weights: Weights) -> None:
        """Begin with a trained FOMM; the discriminator, which is not kept, begins anew."""
        load_same_model(self.model, weights, self.kind, self.config.model.to_dict())
        if self.averages:
            self.averages["model"].load_state_dict(self.model.state_dict())

    def batches(self, start_step: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield frame pairs from `start_step` on, the same ones for a step on every run."""
        pin_memory = self.device.type == "cuda"
        loader = PairLoader(
            self.pairs, self.config.batch_size, start_step, self.num_workers, pin_memory, share
        )
        return iter(loader)

    def phases(self, step: int) -> list[Phase]:
        """Update generator and detector, then, if it weighs, the discriminator on the same prediction."""
        first = Phase(("generator", "kp_detector"), self._generator_losses, self._clip_gradients)
        if self.discriminator is None:
            return [first]
        return [first, Phase(("discriminator",), self._discriminator_losses)]

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        source, driving = batch["source"], batch["driving"]
        randomness = torch.Generator(self.device).manual_seed(_mix(self.config.seed, step))
        transform = random_transform(self.config.transform, len(source) * share.count, randomness)
        terms, forward = generator_losses(
            self.model, self.discriminator, source, driving, transform.part(share), self.config,
            self.perceptual,
        )  # fmt: skip
        batch["prediction"] = forward.generated.prediction.detach()
        batch["kp_driving"] = forward.kp_driving.detach()
        return Losses.of(sum(terms.values()), terms)

    def _discriminator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        terms = discriminator_loss(
            self.discriminator, batch["driving"], batch["prediction"], batch["kp_driving"], self.config
        )
        return Losses.of(sum(terms.values()), terms)

    def _clip_gradients(self) -> None:
        """Shorten the gradient of generator and of detector to the largest allowed norm."""
        if self.config.clip_norm:
            for network in (self.model.generator, self.model.kp_detector):
                torch.nn.utils.clip_grad_norm_(network.parameters(), self.config.clip_norm)

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor on every base learning rate at a step: 0.1 for each epoch milestone passed.

        A run of a fixed number of steps passes its milestones at the same share of its length.
        """
        done = step / self.num_steps * self.config.num_epochs
        return 0.1 ** sum(done >= milestone for milestone in self.config.epoch_milestones)

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Reconstruct held-out clips from their first frame.

        Returns:
            `l1` (mean absolute difference, frames in [0, 1]), `l1_repeat_first` for the clip's first frame
            repeated, and their `ratio`.
        """
        errors, baselines = [], []
        for clip in self._held_out:
            frames = clip.to(self.device)
            made, _ = self._reconstruct(frames)
            errors.append((made.prediction - frames[1:]).abs().mean().item())
            baselines.append((frames[:1] - frames[1:]).abs().mean().item())
        l1, repeat_first = float(np.mean(errors)), float(np.mean(baselines))
        return {"l1": l1, "l1_repeat_first": repeat_first, "ratio": l1 / max(repeat_first, 1e-8)}

    @torch.no_grad()
    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Show held-out clips: source, driving, warped source, prediction, occlusion; keypoints drawn."""
        rows = [self._row(clip.to(self.device)) for clip in self._held_out[:4]]
        names = ["source", "driving", "warped", "prediction", "visible"][: len(rows[0])]
        return {"reconstruction": strip(rows, columns=names, factor=max(1, 128 // self.config.size))}

    def _row(self, frames: Tensor) -> list[np.ndarray]:
        """Draw a clip's first and last frame and how the second is made from the first."""
        made, motion = self._reconstruct(frames)
        row = [_picture(frames[0], motion[0]), _picture(frames[-1], motion[-1])]
        row += [_picture(made.deformed[-1]), _picture(made.prediction[-1])]
        if made.occlusion_map is not None:
            row.append(_picture(resize_map(made.occlusion_map[-1:], tuple(frames.shape[-2:]))[0]))
        return row

    def _reconstruct(self, frames: Tensor) -> tuple[Generated, Motion]:
        """Predict frames 1.. of a clip (T, C, H, W) from frame 0; give the motion of all T too."""
        model = self.for_use("model").eval()
        motion, count = model.kp_detector(frames), len(frames) - 1
        source = frames[:1].expand(count, -1, -1, -1)
        return model.generator(source, motion[:1].expand(count), motion[1:]), motion

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the generator and the detector (not the discriminator, which `state/` keeps)."""
        info = {"size": self.config.size, "training": self.config.to_dict(), **info}
        return save_weights(
            folder, self.kind, self.config.model.to_dict(), self.for_use("model").state_for_saving(), info
        )


def _mix(seed: int, step: int) -> int:
    """Derive one 63-bit seed from two numbers."""
    return int(
        np.random.SeedSequence([seed, step]).generate_state(2, np.uint32).astype(np.uint64) @ (1, 2**31)
    )


def _held_out_frames(clips: ClipSet, config: FommConfig) -> list[Tensor]:
    """Take evenly spread frames of the first held-out clips; (T, C, H, W) each."""
    chosen = []
    for index in range(min(len(clips), NUM_VALIDATION_CLIPS)):
        count = min(NUM_VALIDATION_FRAMES, clips.num_frames(index))
        moments = np.linspace(0, clips.num_frames(index) - 1, count).round().astype(int)
        chosen.append(to_tensor(clips.frames(index, moments), config.model.num_channels))
    return chosen


def _picture(image: Tensor, motion: Motion | None = None) -> np.ndarray:
    array = to_images(image[None])[0]
    return array if motion is None else draw_keypoints(array, motion)
