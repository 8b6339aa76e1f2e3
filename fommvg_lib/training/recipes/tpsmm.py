"""Training the Thin-Plate-Spline Motion Model (Zhao and Zhang 2022, and the public release's loop).

A step: detector, dense motion and inpainting network together, with the background predictor's own optimiser
beside them from its first epoch on; one loss, no discriminator.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.clips import ClipSet
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.frame_generator.tpsmm.dropout import draw_kept
from fommvg_lib.frame_generator.tpsmm.inpainting import Generated
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.frame_generator.tpsmm.objective import generator_losses
from fommvg_lib.frame_generator.tpsmm.transform import random_transform
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import build_perceptual
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase, load_same_model
from fommvg_lib.training.recipes.frames import FrameRecipe


class TpsmmRecipe(FrameRecipe):
    """The recipe of `train tpsmm`."""

    kind = "tpsmm"
    config: TpsmmConfig

    def __init__(
        self, config: TpsmmConfig, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        super().__init__(config, train, test, device, num_workers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Tpsmm(config.model, config.size).to(memory_format=torch.channels_last)
        self.perceptual = build_perceptual(config.perceptual, config.scales, config.loss_weights.perceptual)
        self.perceptual.to(device)
        self.add_network("model", self.model, config.ema_decay)
        networks = (self.model.inpainting_network, self.model.dense_motion_network, self.model.kp_detector)
        self._add_adam("networks", networks)
        if self.model.bg_predictor is not None:
            self._add_adam("background", (self.model.bg_predictor,))
        self._shows_background = False

    def _add_adam(self, name: str, networks: tuple[nn.Module, ...]) -> None:
        parameters = [parameter for network in networks for parameter in network.parameters()]
        self.add_optimizer(name, parameters, self.config.lr, (0.5, 0.999), self.config.weight_decay)

    def compiled_modules(self) -> list[nn.Module]:
        """Give the modules that a step calls."""
        modules = [self.model.kp_detector, self.model.dense_motion_network, self.model.inpainting_network]
        return modules if self.model.bg_predictor is None else [*modules, self.model.bg_predictor]

    def start_from(self, weights: Weights) -> None:
        """Begin with a trained TPSMM."""
        load_same_model(self.model, weights, self.kind, self.config.model.to_dict())
        if self.averages:
            self.averages["model"].load_state_dict(self.model.state_dict())

    def phases(self, step: int) -> list[Phase]:
        """Update all networks; the background predictor from its first epoch on."""
        moved = ("networks", "background") if self._uses_background(step) else ("networks",)
        return [Phase(moved, self._losses, self._clip_gradients)]

    def _uses_background(self, step: int) -> bool:
        return self.config.uses_background(self.epoch(step))

    def _losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config, source, driving = self.config, batch["source"], batch["driving"]
        count, randomness = len(source) * share.count, self.randomness(step)
        transform = random_transform(config.transform, count, randomness).part(share)
        probability = config.dropout_probability(self.epoch(step))
        kept = draw_kept(count, config.model.num_tps, probability, randomness) if probability else None
        terms, _ = generator_losses(
            self.model, source, driving, transform, config, self.perceptual, self._uses_background(step),
            None if kept is None else share.of(kept),
        )  # fmt: skip
        return Losses.of(sum(terms.values()), terms)

    def _clip_gradients(self) -> None:
        """Scale gradients down to the largest entry allowed, the inpainting network's excepted."""
        model, limit = self.model, self.config.clip_entry
        for network in (model.kp_detector, model.dense_motion_network, model.bg_predictor):
            if limit and network is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), limit, norm_type=math.inf)

    def validate(self, step: int) -> dict[str, float]:
        """Reconstruct held-out clips, with the camera's motion once it is trained."""
        self._shows_background = self._uses_background(step)
        return super().validate(step)

    def reconstruct(self, frames: Tensor) -> tuple[Generated, Motion]:
        """Predict frames 1.. of a clip (T, C, H, W) from frame 0; give the motion of all T too."""
        model, count = self.for_use("model").eval(), len(frames) - 1
        motion = model.kp_detector(frames)
        source = frames[:1].expand(count, -1, -1, -1)
        background = model.predict_background(source, frames[1:]) if self._shows_background else None
        return model(source, motion[:1].expand(count), motion[1:], background), motion

    def visible_part(self, made: Generated, size: tuple[int, int]) -> Tensor | None:
        """Give the largest occlusion maps (T - 1, 1, H, W)."""
        return torch.nn.functional.interpolate(made.occlusion_map, size, mode="bilinear", align_corners=True)

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write all networks."""
        info = {"size": self.config.size, "training": self.config.to_dict(), **info}
        return save_weights(
            folder, self.kind, self.config.model.to_dict(), self.for_use("model").state_for_saving(), info
        )
