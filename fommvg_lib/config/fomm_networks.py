"""Sizes and options of the First Order Motion Model's networks; `config.fomm` gives them on.

Defaults are the values that all published configs share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fommvg_lib.config.base import Config

HEAD_KERNEL = 7
"""Side of the kernels that turn hourglass features into heatmaps."""


MAX_HALVINGS = 16
"""Of a network's maps: a frame of 65,536 pixels a side becomes one number."""


def require(condition: bool, name: str, value: Any, rule: str) -> None:
    """Raise a ValueError that names field, rule and value unless the condition holds."""
    if not condition:
        raise ValueError(f"{name} must be {rule}, got {value!r}")


def require_halvings(name: str, value: int, least: int = 1) -> None:
    """Refuse a number of halvings below the least and above what any frame has: 2^value is computed."""
    require(least <= value <= MAX_HALVINGS, name, value, f"from {least} to {MAX_HALVINGS}")


def is_reciprocal(scale: float) -> bool:
    """Say whether a scale is 1 over a whole number."""
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
        for name in ("block_expansion", "max_features"):
            require(getattr(self, name) >= 1, f"hourglass.{name}", getattr(self, name), "at least 1")
        require_halvings("hourglass.num_blocks", self.num_blocks)


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
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        for name in ("kp_pad", "num_bottleneck_blocks"):
            require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "at least 0")
        require_halvings("model.num_down_blocks", self.num_down_blocks, least=0)
        require(self.num_channels in (1, 3), "model.num_channels", self.num_channels, "1 or 3")
        for name in ("kp_variance", "temperature"):
            require(getattr(self, name) > 0, f"model.{name}", getattr(self, name), "above 0")
        for name in ("detector_scale", "dense_motion_scale"):
            require(
                is_reciprocal(getattr(self, name)),
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
            require(getattr(self, name) >= 1, f"discriminator.{name}", getattr(self, name), "at least 1")
        require(self.kp_variance > 0, "discriminator.kp_variance", self.kp_variance, "above 0")
        fits = len(self.scales) > 0 and all(map(is_reciprocal, self.scales))
        require(fits, "discriminator.scales", self.scales, "at least one, each 1 over a whole number")
