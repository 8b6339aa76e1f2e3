"""Training the First Order Motion Model (Siarohin et al. 2019, Sec. 3 and the public release's loop).

A step: generator and keypoint detector together (two Adam optimisers, one backward); then, only if the GAN
weight is not 0, the discriminator on the detached prediction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.clips import ClipSet
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.frame_generator.fomm.discriminator import MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.generator import Generated
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.fomm.objective import discriminator_loss, generator_losses
from fommvg_lib.frame_generator.fomm.transform import random_transform
from fommvg_lib.frame_generator.grid import resize_map
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import build_perceptual
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase, load_same_model
from fommvg_lib.training.recipes.frames import FrameRecipe


class FommRecipe(FrameRecipe):
    """The recipe of `train fomm`."""

    kind = "fomm"
    config: FommConfig

    def __init__(
        self, config: FommConfig, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        super().__init__(config, train, test, device, num_workers)
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

    def phases(self, step: int) -> list[Phase]:
        """Update generator and detector, then, if it weighs, the discriminator on the same prediction."""
        first = Phase(("generator", "kp_detector"), self._generator_losses, self._clip_gradients)
        if self.discriminator is None:
            return [first]
        return [first, Phase(("discriminator",), self._discriminator_losses)]

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        source, driving = batch["source"], batch["driving"]
        count = len(source) * share.count
        transform = random_transform(self.config.transform, count, self.randomness(step))
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

    def reconstruct(self, frames: Tensor) -> tuple[Generated, Motion]:
        """Predict frames 1.. of a clip (T, C, H, W) from frame 0; give the motion of all T too."""
        model, count = self.for_use("model").eval(), len(frames) - 1
        motion = model.kp_detector(frames)
        source = frames[:1].expand(count, -1, -1, -1)
        return model.generator(source, motion[:1].expand(count), motion[1:]), motion

    def visible_part(self, made: Generated, size: tuple[int, int]) -> Tensor | None:
        """Give the occlusion maps (T - 1, 1, H, W), or None if the model estimates none."""
        return None if made.occlusion_map is None else resize_map(made.occlusion_map, size)

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the generator and the detector (not the discriminator, which `state/` keeps)."""
        info = {"size": self.config.size, "training": self.config.to_dict(), **info}
        return save_weights(
            folder, self.kind, self.config.model.to_dict(), self.for_use("model").state_for_saving(), info
        )
