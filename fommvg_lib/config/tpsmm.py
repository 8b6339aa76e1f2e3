"""Configuration of the Thin-Plate-Spline Motion Model: networks, losses, training (Zhao and Zhang 2022).

Defaults are the published vox-256. The other rows of the published table are in `config.presets`; the sizes
for small synthetic frames are the profiles `smoke` and `shipped` below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm import TransformConfig
from fommvg_lib.config.fomm_networks import HourglassConfig, is_reciprocal, require
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig

__all__ = ["TpsmmConfig", "TpsmmLossWeights", "TpsmmModelConfig", "check_schedule", "vox_data"]


@dataclass(frozen=True)
class TpsmmLossWeights(Config):
    """Weights of the loss terms, which are then summed."""

    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    """`vgg19`: relu1_1, 2_1, 3_1, 4_1, 5_1. `pixel`: three numbers, absolute and squared pixel
    differences, absolute gradient differences."""
    equivariance_value: float = 10.0
    """Keypoints follow a known transform."""
    warp: float = 10.0
    """Warped features of the source look like the driving frame's (published `warp_loss`)."""
    background: float = 10.0
    """The camera's motion there and back is none (published `bg`)."""

    def __post_init__(self) -> None:
        """Refuse negative weights."""
        for name in ("equivariance_value", "warp", "background"):
            require(getattr(self, name) >= 0, f"loss_weights.{name}", getattr(self, name), "at least 0")
        fits = all(w >= 0 for w in self.perceptual)
        require(fits, "loss_weights.perceptual", self.perceptual, "all at least 0")


def vox_data(num_repeats: int) -> FrameDataConfig:
    """Give the data settings of the published vox-256."""
    augmentation = AugmentationConfig(
        independent_flips=False, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1
    )
    return FrameDataConfig(id_sampling=True, num_repeats=num_repeats, augmentation=augmentation)


# Sizes for 64 px frames and the offline loss, about as many weights as the FOMM of these profiles. The camera
# of the synthetic heads stands still. Five splines rather than ten, all of them at every step, and no decay
# of weights (Adam makes it strong where gradients are as small as the offline loss's): with ten splines the
# loss stood still for hundreds of steps before the points had found anything to follow.
_SMALL = {
    "size": 64,
    "data": FrameDataConfig(),
    "model.num_tps": 5,
    "model.detector_width": 12,
    "model.estimate_background": False,
    "model.dense_motion": HourglassConfig(16, 3, 64),
    "model.dense_motion_scale": 0.5,
    "model.block_expansion": 16,
    "model.max_features": 48,
    "model.num_down_blocks": 2,
    "loss_weights.perceptual": (10.0, 40.0, 10.0),
    "loss_weights.equivariance_value": 5.0,
    "loss_weights.warp": 1.0,
    "perceptual": "pixel",
    "batch_size": 8,
    "lr": 1.5e-3,
    "weight_decay": 0.0,
    "dropout_epoch": 0,
}


@dataclass(frozen=True)
class TpsmmConfig(Config):
    """All that decides how a TPSMM is trained, its AVD network excepted.

    Profile `full` is the published vox-256 (equal to that preset), `colab` the same with a batch for one GPU.
    """

    size: int = 256
    """Frame side in pixels."""
    model: TpsmmModelConfig = field(default_factory=TpsmmModelConfig)
    """The networks."""
    transform: TransformConfig = field(default_factory=TransformConfig)
    """The equivariance loss's random transform."""
    loss_weights: TpsmmLossWeights = field(default_factory=TpsmmLossWeights)
    """Weights of the terms."""
    perceptual: str = "vgg19"
    """`vgg19`: as published, weights are fetched once. `pixel`: the offline stand-in, our choice."""
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    """Image pyramid of the perceptual loss (public release)."""
    data: FrameDataConfig = field(default_factory=lambda: vox_data(75))
    """Sampling and augmentation of frame pairs."""
    num_epochs: int = 100
    """Passes over the repeated data set (public release)."""
    epoch_milestones: tuple[int, ...] = (70, 90)
    """Epochs after which all learning rates fall tenfold (public release)."""
    batch_size: int = 28
    """Pairs in a step (published vox-256)."""
    lr: float = 2e-4
    """Adam, betas (0.5, 0.999), all networks (published `lr_generator`)."""
    weight_decay: float = 1e-4
    """Of that Adam, added to the gradient (public release)."""
    clip_entry: float = 10.0
    """Largest absolute entry of a gradient (its infinity norm), for detector, dense motion and background
    predictor each; beyond it that network's gradient is scaled down. 0: not clipped (public release: 10)."""
    dropout_epoch: int = 35
    """TPS dropout is active before this epoch; 0: never (public release)."""
    dropout_start: float = 0.1
    """Its probability at epoch 0 (published vox-256, `dropout_startp`)."""
    dropout_max: float = 0.3
    """Its largest probability (published vox-256, `dropout_maxp`)."""
    dropout_rise_epochs: float = 10
    """Epochs in which it would rise by `dropout_max` (public release, `dropout_inc_epoch`)."""
    background_start: int = 10
    """The camera's motion is estimated from this epoch on (published vox-256, `bg_start`)."""
    precision: str = "fp32"
    """`fp32`, or `bf16`: convolutions in bfloat16, geometry and losses in float32 (our option)."""
    checkpoint_epochs: int = 50
    """Epochs between published checkpoints (published `checkpoint_freq`)."""
    num_steps: int | None = None
    """Steps in all; overrides num_epochs, all that is counted in epochs then scales with it."""
    ema_decay: float = 0.0
    """Decay of the running mean of the weights that is then saved for use; 0: none is kept (published)."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {**_SMALL, "num_steps": 40},
        "shipped": {**_SMALL, "num_steps": 12000, "ema_decay": 0.999, "precision": "bf16"},
        "colab": {"batch_size": 8},
        "full": {},
    }

    def __post_init__(self) -> None:
        """Refuse contradictions, naming field and value."""
        self.model.check_size(self.size)
        check_schedule(self)
        require(self.lr > 0, "lr", self.lr, "above 0")
        for name in ("weight_decay", "clip_entry", "dropout_epoch", "background_start"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        for name in ("dropout_start", "dropout_max", "ema_decay"):
            require(0 <= getattr(self, name) < 1, name, getattr(self, name), "in [0, 1)")
        require(self.dropout_rise_epochs > 0, "dropout_rise_epochs", self.dropout_rise_epochs, "above 0")
        fits = len(self.scales) > 0 and all(map(is_reciprocal, self.scales))
        require(fits, "scales", self.scales, "at least one, each 1 over a whole number")
        require(self.precision in ("fp32", "bf16"), "precision", self.precision, "fp32 or bf16")
        if self.perceptual not in ("vgg19", "pixel"):
            raise ValueError(f"perceptual must be vgg19 or pixel, got {self.perceptual!r}")
        expected, least = (5, 16) if self.perceptual == "vgg19" else (3, 2)
        weights, smallest = self.loss_weights.perceptual, round(self.size * min(self.scales))
        rule = f"{expected} numbers for perceptual={self.perceptual}"
        require(len(weights) == expected, "loss_weights.perceptual", weights, rule)
        rule = f"such that the smallest image (now {smallest} pixels) suits perceptual={self.perceptual}"
        require(smallest >= least, "scales", self.scales, rule)

    def dropout_probability(self, epoch: float) -> float:
        """Give the probability of leaving a spline out; 0 once TPS dropout is over.

        Source: the public release: min(epoch / rise * max + start, max) while epoch < dropout_epoch.
        """
        if epoch >= self.dropout_epoch:
            return 0.0
        rising = epoch / self.dropout_rise_epochs * self.dropout_max + self.dropout_start
        return min(rising, self.dropout_max)

    def uses_background(self, epoch: float) -> bool:
        """Say whether the camera's motion is estimated in an epoch."""
        return self.model.estimate_background and epoch >= self.background_start


def check_schedule(config: Any) -> None:
    """Refuse numbers of epochs, steps and items that mean nothing."""
    for name in ("num_epochs", "batch_size", "checkpoint_epochs"):
        require(getattr(config, name) >= 1, name, getattr(config, name), "at least 1")
    steps = config.num_steps
    require(steps is None or steps >= 1, "num_steps", steps, "at least 1 or None")
    milestones = config.epoch_milestones
    fits = list(milestones) == sorted(set(milestones)) and all(m >= 1 for m in milestones)
    require(fits, "epoch_milestones", milestones, "rising epochs from 1 on")
