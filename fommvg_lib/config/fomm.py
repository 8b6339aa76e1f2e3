"""Configuration of the First Order Motion Model: networks, losses, training (Siarohin et al., NeurIPS 2019).

Defaults are the common values of the published configs. The named rows of the published table are in
`config.presets`; the sizes for small synthetic frames are the profiles `smoke` and `shipped` below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig

HEAD_KERNEL = 7
"""Side of the kernels that turn hourglass features into heatmaps."""


def _require(condition: bool, name: str, value: Any, rule: str) -> None:
    if not condition:
        raise ValueError(f"{name} must be {rule}, got {value!r}")


def _is_reciprocal(scale: float) -> bool:
    return 0 < scale <= 1 and abs(round(1 / scale) * scale - 1) < 1e-6


@dataclass(frozen=True)
class HourglassConfig(Config):
    """Encoder and decoder with skips: widths min(max_features, block_expansion * 2^(i+1))."""

    block_expansion: int = 32
    """Width of the last decoder block (public release)."""
    num_blocks: int = 5
    """Halvings, as many doublings; the input side must be divisible by 2^num_blocks (public release)."""
    max_features: int = 1024
    """Largest width (public release)."""

    def __post_init__(self) -> None:
        """Refuse empty networks."""
        for name in ("block_expansion", "num_blocks", "max_features"):
            _require(getattr(self, name) >= 1, f"hourglass.{name}", getattr(self, name), "at least 1")


@dataclass(frozen=True)
class FommModelConfig(Config):
    """Keypoint detector, dense motion and generator."""

    num_kp: int = 10
    """Keypoints K (paper Sec. 4)."""
    num_channels: int = 3
    """Image channels: 3, or 1 for greyscale (KTH variant)."""
    kp_variance: float = 0.01
    """Variance of the keypoint heatmaps, squared coordinate units (public release)."""
    temperature: float = 0.1
    """Divides the heatmap logits before the softmax (public release)."""
    kp_pad: int = 0
    """Padding of the heatmap head in pixels (public release: 0, so the map is 6 pixels smaller)."""
    estimate_jacobian: bool = True
    """False: the zero-order model, keypoints without local maps (paper Sec. 3.1)."""
    single_jacobian_map: bool = False
    """One Jacobian map shared by all keypoints (published mgif-256)."""
    detector: HourglassConfig = field(default_factory=lambda: HourglassConfig(32, 5, 1024))
    """The keypoint detector's hourglass."""
    detector_scale: float = 0.25
    """The detector works on the image at this scale (public release; 0.5 for 128-pixel KTH)."""
    dense_motion: HourglassConfig | None = field(default_factory=lambda: HourglassConfig(64, 5, 1024))
    """The dense motion's hourglass; None: the generator is an autoencoder without motion."""
    dense_motion_scale: float = 0.25
    """Dense motion is estimated at this scale (public release)."""
    block_expansion: int = 64
    """Width of the generator's first block (public release)."""
    max_features: int = 512
    """Largest width of the generator (public release)."""
    num_down_blocks: int = 2
    """Halvings before the warp (public release)."""
    num_bottleneck_blocks: int = 6
    """Residual blocks after the warp (public release)."""
    estimate_occlusion_map: bool = True
    """Estimate where the warped source cannot be trusted (paper Sec. 3.2)."""
    align_corners: bool = True
    """Sampling convention. True: that of the coordinate grid, for which the method was made (torch 1.0).
    False: today's run of the published code. Bilinear resizes of maps use False under both."""
    blend_source: bool = False
    """Our option, after TPSMM: output = prediction * (1 - m) + warped source * m, m the occlusion map."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing and options that contradict each other."""
        for name in ("num_kp", "block_expansion", "max_features"):
            _require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        for name in ("kp_pad", "num_down_blocks", "num_bottleneck_blocks"):
            _require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "at least 0")
        _require(self.num_channels in (1, 3), "model.num_channels", self.num_channels, "1 or 3")
        for name in ("kp_variance", "temperature"):
            _require(getattr(self, name) > 0, f"model.{name}", getattr(self, name), "above 0")
        for name in ("detector_scale", "dense_motion_scale"):
            _require(
                _is_reciprocal(getattr(self, name)),
                f"model.{name}",
                getattr(self, name),
                "1 over a whole number",
            )
        if self.single_jacobian_map and not self.estimate_jacobian:
            raise ValueError("model.single_jacobian_map=True needs model.estimate_jacobian=True, got False")
        if self.blend_source and not (self.estimate_occlusion_map and self.dense_motion):
            raise ValueError(
                "model.blend_source=True needs model.dense_motion and model.estimate_occlusion_map=True"
            )

    def check_size(self, size: int) -> None:
        """Refuse a frame side that these networks cannot take.

        Raises:
            ValueError: naming the field and the size.
        """
        sides = [("detector", self.detector, self.detector_scale)]
        if self.dense_motion is not None:
            sides.append(("dense_motion", self.dense_motion, self.dense_motion_scale))
        for name, hourglass, scale in sides:
            multiple = 2**hourglass.num_blocks * round(1 / scale)
            if size < 1 or size % multiple:
                raise ValueError(
                    f"size must be divisible by {multiple} for model.{name} with "
                    f"{hourglass.num_blocks} blocks at scale {scale}, got {size}"
                )
        if size % 2**self.num_down_blocks:
            raise ValueError(
                f"size must be divisible by {2**self.num_down_blocks} for model.num_down_blocks="
                f"{self.num_down_blocks}, got {size}"
            )
        heatmap = round(size * self.detector_scale) + 2 * self.kp_pad - (HEAD_KERNEL - 1)
        if heatmap < 2:
            raise ValueError(
                f"model.kp_pad={self.kp_pad} and model.detector_scale={self.detector_scale} leave a heatmap "
                f"of {heatmap} pixels of a frame of size {size}"
            )


@dataclass(frozen=True)
class DiscriminatorConfig(Config):
    """The multi-scale patch discriminator; only trained where `loss_weights.generator_gan` is not 0."""

    scales: tuple[float, ...] = (1.0,)
    """One network for each scale of the image pyramid (public release: 1)."""
    block_expansion: int = 32
    """Half the width of the first block (public release)."""
    max_features: int = 512
    """Largest width (public release)."""
    num_blocks: int = 4
    """Convolutions before the last (public release)."""
    spectral_norm: bool = False
    """Spectral normalisation of every convolution (published `sn`)."""
    use_kp: bool = False
    """Show the driving keypoints' heatmaps to the discriminator (published adv configs)."""
    kp_variance: float = 0.01
    """Variance of those heatmaps (public release)."""

    def __post_init__(self) -> None:
        """Refuse empty networks."""
        for name in ("block_expansion", "max_features", "num_blocks"):
            _require(getattr(self, name) >= 1, f"discriminator.{name}", getattr(self, name), "at least 1")
        _require(self.kp_variance > 0, "discriminator.kp_variance", self.kp_variance, "above 0")
        fits = len(self.scales) > 0 and all(map(_is_reciprocal, self.scales))
        _require(fits, "discriminator.scales", self.scales, "at least one, each 1 over a whole number")


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
            _require(getattr(self, name) >= 0, f"transform.{name}", getattr(self, name), "at least 0")
        _require(self.points_tps >= 2, "transform.points_tps", self.points_tps, "at least 2")


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
    """`vgg19`: relu1_1, 2_1, 3_1, 4_1, 5_1. `pixel`: two numbers, pixel and gradient differences."""
    equivariance_value: float = 10.0
    """Keypoints follow a known transform."""
    equivariance_jacobian: float = 10.0
    """Jacobians follow it too; must be 0 without Jacobians."""

    def __post_init__(self) -> None:
        """Refuse negative weights."""
        for name in ("generator_gan", "discriminator_gan", "equivariance_value", "equivariance_jacobian"):
            _require(getattr(self, name) >= 0, f"loss_weights.{name}", getattr(self, name), "at least 0")
        for name in ("feature_matching", "perceptual"):
            value = getattr(self, name)
            _require(all(w >= 0 for w in value), f"loss_weights.{name}", value, "all at least 0")


_SMALL = {
    "size": 64,
    "model.detector": HourglassConfig(12, 4, 48),
    "model.detector_scale": 0.5,
    "model.dense_motion": HourglassConfig(16, 4, 56),
    "model.dense_motion_scale": 0.5,
    "model.block_expansion": 32,
    "model.max_features": 128,
    "model.num_down_blocks": 1,
    "model.num_bottleneck_blocks": 2,
    "model.blend_source": True,
    "perceptual": "pixel",
    "loss_weights.perceptual": (10.0, 10.0),
    "batch_size": 16,
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
    checkpoint_epochs: int = 50
    """Epochs between published checkpoints (published `checkpoint_freq`)."""
    num_steps: int | None = None
    """Steps in all; overrides num_epochs, milestones then scale with it."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {**_SMALL, "num_steps": 60},
        "shipped": {**_SMALL, "num_steps": 12000},
        "colab": {**_VOX, "batch_size": 12},
        "full": _VOX,
    }

    def __post_init__(self) -> None:
        """Refuse contradictions, naming field and value."""
        self.model.check_size(self.size)
        for name in ("num_epochs", "batch_size", "checkpoint_epochs"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(
            self.num_steps is None or self.num_steps >= 1, "num_steps", self.num_steps, "at least 1 or None"
        )
        for name in ("lr_generator", "lr_discriminator"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        _require(self.lr_kp_detector >= 0, "lr_kp_detector", self.lr_kp_detector, "at least 0")
        rising = list(self.epoch_milestones) == sorted(set(self.epoch_milestones))
        _require(
            rising and all(m >= 1 for m in self.epoch_milestones),
            "epoch_milestones",
            self.epoch_milestones,
            "rising epochs from 1 on",
        )
        _require(
            len(self.scales) > 0 and all(map(_is_reciprocal, self.scales)),
            "scales",
            self.scales,
            "at least one, each 1 over a whole number",
        )
        self._check_losses()

    def _check_losses(self) -> None:
        weights = self.loss_weights
        if self.perceptual not in ("vgg19", "pixel"):
            raise ValueError(f"perceptual must be vgg19 or pixel, got {self.perceptual!r}")
        expected = 5 if self.perceptual == "vgg19" else 2
        _require(
            len(weights.perceptual) == expected,
            "loss_weights.perceptual",
            weights.perceptual,
            f"{expected} numbers for perceptual={self.perceptual}",
        )
        smallest = round(self.size * min(self.scales))
        _require(
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
            _require(
                len(weights.feature_matching) == blocks,
                "loss_weights.feature_matching",
                weights.feature_matching,
                f"{blocks} numbers, one for each discriminator block",
            )
