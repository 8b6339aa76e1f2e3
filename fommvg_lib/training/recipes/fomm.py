"""Training the First Order Motion Model (Siarohin et al. 2019, Sec. 3 and the public release's loop).

A step: learning rates; generator and keypoint detector together (two Adam optimisers, one backward); then,
only if the GAN weight is not 0, the discriminator on the detached prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.checkpoints import save_weights
from fommvg_lib.clips import ClipSet, FramePairs, PairLoader
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
from fommvg_lib.visualize import draw_keypoints, strip

NUM_VALIDATION_CLIPS = 12
NUM_VALIDATION_FRAMES = 8


class FommRecipe:
    """The recipe of `train fomm`.

    Args:
        config: sizes, losses, data and schedule.
        train: clips that are learned from.
        test: clips of other identities, for figures and pictures.
        device: where the networks live.
        num_workers: processes that prepare batches; 0 prepares them in this one.
    """

    kind = "fomm"

    def __init__(
        self, config: FommConfig, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        self.config, self.device, self.num_workers = config, device, num_workers
        self.pairs = FramePairs(train, config.data, config.seed, config.model.num_channels)
        self.steps_per_epoch = max(1, len(self.pairs) // config.batch_size)
        self.num_steps = config.num_steps or config.num_epochs * self.steps_per_epoch
        self._held_out = _held_out_frames(test, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Fomm(config.model, config.size).to(device, memory_format=torch.channels_last)
            self.discriminator = self._build_discriminator()
        self.perceptual = build_perceptual(config.perceptual, config.scales, config.loss_weights.perceptual)
        self.perceptual.to(device)
        self.networks = {"model": self.model}
        adam = {"betas": (0.5, 0.999)}
        self._base_rates = {"generator": config.lr_generator, "kp_detector": config.lr_kp_detector}
        self.optimizers = {
            "generator": torch.optim.Adam(self.model.generator.parameters(), config.lr_generator, **adam),
            "kp_detector": torch.optim.Adam(
                self.model.kp_detector.parameters(), config.lr_kp_detector, **adam
            ),
        }
        if self.discriminator is not None:
            self.networks["discriminator"] = self.discriminator
            parameters = self.discriminator.parameters()
            self.optimizers["discriminator"] = torch.optim.Adam(parameters, config.lr_discriminator, **adam)
            self._base_rates["discriminator"] = config.lr_discriminator

    def _build_discriminator(self) -> MultiScaleDiscriminator | None:
        if self.config.loss_weights.generator_gan == 0:
            return None
        model = self.config.model
        network = MultiScaleDiscriminator(self.config.discriminator, model.num_channels, model.num_kp)
        return network.to(self.device, memory_format=torch.channels_last)

    def batches(self, start_step: int) -> Iterator[dict[str, Tensor]]:
        """Yield source and driving frames (B, C, H, W) in [0, 1], the same ones for a step on every run."""
        return iter(PairLoader(self.pairs, self.config.batch_size, start_step, self.num_workers))

    def step(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Make one update of the generator and the detector, then one of the discriminator."""
        self._set_learning_rates(step)
        self.model.train()
        source, driving = (
            batch[name].to(self.device, memory_format=torch.channels_last, non_blocking=True)
            for name in ("source", "driving")
        )
        randomness = torch.Generator(self.device).manual_seed(_mix(self.config.seed, step))
        transform = random_transform(self.config.transform, source.shape[0], randomness)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            terms, forward = generator_losses(
                self.model, self.discriminator, source, driving, transform, self.config, self.perceptual
            )
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        self.optimizers["generator"].step()
        self.optimizers["kp_detector"].step()
        if self.discriminator is not None:
            self.optimizers["discriminator"].zero_grad(set_to_none=True)
            prediction, kp_driving = forward.generated.prediction, forward.kp_driving
            against = discriminator_loss(self.discriminator, driving, prediction, kp_driving, self.config)
            sum(against.values()).backward()
            self.optimizers["discriminator"].step()
            terms = {**terms, **against}
        return {name: value.detach() for name, value in terms.items()}

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor on every base learning rate at a step: 0.1 for each epoch milestone passed.

        A run of a fixed number of steps passes its milestones at the same share of its length.
        """
        done = step / self.num_steps * self.config.num_epochs
        return 0.1 ** sum(done >= milestone for milestone in self.config.epoch_milestones)

    def _set_learning_rates(self, step: int) -> None:
        factor = self.learning_rate_factor(step)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self._base_rates[name] * factor

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Reconstruct held-out clips from their first frame.

        Returns:
            `l1` (mean absolute difference, frames in [0, 1]), `l1_repeat_first` for the clip's first frame
            repeated, and their `ratio`.
        """
        self.model.eval()
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
        self.model.eval()
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
        motion, count = self.model.kp_detector(frames), len(frames) - 1
        source = frames[:1].expand(count, -1, -1, -1)
        return self.model.generator(source, motion[:1].expand(count), motion[1:]), motion

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the generator and the detector (not the discriminator, which `state/` keeps)."""
        info = {"size": self.config.size, "training": self.config.to_dict(), **info}
        return save_weights(
            folder, self.kind, self.config.model.to_dict(), self.model.state_for_saving(), info
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
