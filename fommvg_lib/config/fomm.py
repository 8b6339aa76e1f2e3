"""Configuration of the First Order Motion Model: networks, losses, training (Siarohin et al., NeurIPS 2019).

Defaults are the common values of the published configs. The named rows of the published table are in
`config.presets`; the sizes for small synthetic frames are the profiles `smoke` and `shipped` below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm_networks import (
    HEAD_KERNEL,
    DiscriminatorConfig,
    FommModelConfig,
    HourglassConfig,
    is_reciprocal,
    require,
)

__all__ = [
    "HEAD_KERNEL",
    "DiscriminatorConfig",
    "FommConfig",
    "FommLossWeights",
    "FommModelConfig",
    "HourglassConfig",
    "TransformConfig",
]


@dataclass(frozen=True)
class TransformConfig(Config):
    """The random transform of the equivariance losses (paper Sec. 3.3)."""

    sigma_affine: float = 0.05
    """Standard deviation of the affine part's departure from the identity (public release)."""
    sigma_tps: float = 0.005
    """Standard deviation of the spline's weights; 0: affine only (public release)."""
    points_tps: int = 5
    """Control points along each side (public release)."""

    def __post_init__(self) -> None:
        """Refuse negative deviations."""
        for name in ("sigma_affine", "sigma_tps"):
            require(getattr(self, name) >= 0, f"transform.{name}", getattr(self, name), "at least 0")
        require(self.points_tps >= 2, "transform.points_tps", self.points_tps, "at least 2")


@dataclass(frozen=True)
class FommLossWeights(Config):
    """Weights of the loss terms, which are then summed."""

    generator_gan: float = 0.0
    """Least-squares GAN term of the generator; 0: no discriminator at all, no feature matching."""
    discriminator_gan: float = 1.0
    """Least-squares GAN term of the discriminator."""
    feature_matching: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0)
    """One for each discriminator block."""
    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    """`vgg19`: relu1_1, 2_1, 3_1, 4_1, 5_1. `pixel`: three numbers, absolute and squared pixel
    differences, absolute gradient differences."""
    equivariance_value: float = 10.0
    """Keypoints follow a known transform."""
    equivariance_jacobian: float = 10.0
    """Jacobians follow it too; must be 0 without Jacobians."""

    def __post_init__(self) -> None:
        """Refuse negative weights."""
        for name in ("generator_gan", "discriminator_gan", "equivariance_value", "equivariance_jacobian"):
            require(getattr(self, name) >= 0, f"loss_weights.{name}", getattr(self, name), "at least 0")
        for name in ("feature_matching", "perceptual"):
            value = getattr(self, name)
            require(all(w >= 0 for w in value), f"loss_weights.{name}", value, "all at least 0")


# Sizes for 64 px frames and the offline loss. Without padding, heatmaps of 26 pixels on a map of 32 would
# stretch coordinates by a quarter. The published equivariance weights go with a VGG loss far larger than the
# pixel loss: kept at 10 here, they gathered all keypoints around the eyes.
_SMALL = {
    "size": 64,
    "model.kp_pad": 3,
    "loss_weights.equivariance_value": 1.0,
    "loss_weights.equivariance_jacobian": 1.0,
    "model.detector": HourglassConfig(16, 3, 64),
    "model.detector_scale": 0.5,
    "model.dense_motion": HourglassConfig(16, 3, 96),
    "model.dense_motion_scale": 0.5,
    "model.block_expansion": 24,
    "model.max_features": 128,
    "model.num_down_blocks": 1,
    "model.num_bottleneck_blocks": 2,
    "model.blend_source": True,
    "perceptual": "pixel",
    "loss_weights.perceptual": (10.0, 40.0, 10.0),
    "clip_norm": 2.0,
    "batch_size": 16,
    "lr_generator": 1e-3,
    "lr_kp_detector": 1e-3,
}
_VOX = {
    "loss_weights.generator_gan": 0.0,
    "discriminator.spectral_norm": True,
    "data": FrameDataConfig(
        id_sampling=True,
        num_repeats=75,
        pairs_list="data/vox256.csv",
        augmentation=AugmentationConfig(
            independent_flips=False, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1
        ),
    ),
}


@dataclass(frozen=True)
class FommConfig(Config):
    """All that decides how a FOMM is trained.

    Profile `full` is the published vox-256 (equal to that preset), `colab` the same with a batch for one GPU.
    """

    size: int = 256
    """Frame side in pixels."""
    model: FommModelConfig = field(default_factory=FommModelConfig)
    """The networks that are kept."""
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """The network that only trains."""
    transform: TransformConfig = field(default_factory=TransformConfig)
    """The equivariance losses' random transform."""
    loss_weights: FommLossWeights = field(default_factory=FommLossWeights)
    """Weights of the terms."""
    perceptual: str = "vgg19"
    """`vgg19`: as published, weights are fetched once. `pixel`: the offline stand-in, our choice."""
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    """Image pyramid of the perceptual loss (public release)."""
    data: FrameDataConfig = field(default_factory=FrameDataConfig)
    """Sampling and augmentation of frame pairs."""
    num_epochs: int = 100
    """Passes over the repeated data set (public release)."""
    epoch_milestones: tuple[int, ...] = (60, 90)
    """Epochs after which all learning rates fall tenfold (public release)."""
    batch_size: int = 40
    """Pairs in a step (published vox-256)."""
    lr_generator: float = 2e-4
    """Adam, betas (0.5, 0.999), generator and dense motion (public release)."""
    lr_discriminator: float = 2e-4
    """Same, discriminator."""
    lr_kp_detector: float = 2e-4
    """Same, keypoint detector; 0 freezes it (published taichi-adv-256)."""
    precision: str = "fp32"
    """`fp32`, or `bf16`: convolutions in bfloat16, geometry and losses in float32 (our option)."""
    checkpoint_epochs: int = 50
    """Epochs between published checkpoints (published `checkpoint_freq`)."""
    num_steps: int | None = None
    """Steps in all; overrides num_epochs, milestones then scale with it."""
    clip_norm: float = 0.0
    """Largest norm of the gradient of the generator and of the detector; 0: not clipped (published). The
    inverse of a Jacobian makes rare spikes that can undo a run at high learning rates."""
    ema_decay: float = 0.0
    """Decay of the running mean of the weights that is then saved for use; 0: none is kept (published)."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {**_SMALL, "num_steps": 24, "batch_size": 8},
        "shipped": {
            **_SMALL,
            "num_steps": 16000,
            "batch_size": 8,
            "lr_generator": 6e-4,
            "lr_kp_detector": 6e-4,
            "ema_decay": 0.999,
            "precision": "bf16",
        },
        "colab": {**_VOX, "batch_size": 12},
        "full": _VOX,
    }

    def __post_init__(self) -> None:
        """Refuse contradictions, naming field and value."""
        self.model.check_size(self.size)
        for name in ("num_epochs", "batch_size", "checkpoint_epochs"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(
            self.num_steps is None or self.num_steps >= 1, "num_steps", self.num_steps, "at least 1 or None"
        )
        for name in ("lr_generator", "lr_discriminator"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        require(self.clip_norm >= 0, "clip_norm", self.clip_norm, "at least 0")
        require(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "in [0, 1)")
        require(self.lr_kp_detector >= 0, "lr_kp_detector", self.lr_kp_detector, "at least 0")
        rising = list(self.epoch_milestones) == sorted(set(self.epoch_milestones))
        require(
            rising and all(m >= 1 for m in self.epoch_milestones),
            "epoch_milestones",
            self.epoch_milestones,
            "rising epochs from 1 on",
        )
        require(
            len(self.scales) > 0 and all(map(is_reciprocal, self.scales)),
            "scales",
            self.scales,
            "at least one, each 1 over a whole number",
        )
        require(self.precision in ("fp32", "bf16"), "precision", self.precision, "fp32 or bf16")
        self._check_losses()

    def _check_losses(self) -> None:
        weights = self.loss_weights
        if self.perceptual not in ("vgg19", "pixel"):
            raise ValueError(f"perceptual must be vgg19 or pixel, got {self.perceptual!r}")
        expected = 5 if self.perceptual == "vgg19" else 3
        require(
            len(weights.perceptual) == expected,
            "loss_weights.perceptual",
            weights.perceptual,
            f"{expected} numbers for perceptual={self.perceptual}",
        )
        smallest = round(self.size * min(self.scales))
        require(
            smallest >= (16 if self.perceptual == "vgg19" else 2),
            "scales",
            self.scales,
            f"such that the smallest image (now {smallest} pixels) suits perceptual={self.perceptual}",
        )
        if weights.equivariance_jacobian and not self.model.estimate_jacobian:
            raise ValueError(
                f"loss_weights.equivariance_jacobian={weights.equivariance_jacobian} needs "
                "model.estimate_jacobian=True, got False"
            )
        if weights.generator_gan:
            blocks = self.discriminator.num_blocks
            require(
                len(weights.feature_matching) == blocks,
                "loss_weights.feature_matching",
                weights.feature_matching,
                f"{blocks} numbers, one for each discriminator block",
            )
