"""Sizes and options of the Thin-Plate-Spline Motion Model's networks; `config.tpsmm` gives them on.

Defaults are the values that all published configs share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fommvg_lib.config.base import Config
from fommvg_lib.config.fomm_networks import HourglassConfig, is_reciprocal, require, require_halvings

POINTS_PER_TPS = 5
"""Keypoints N that make one thin-plate spline (paper)."""


@dataclass(frozen=True)
class AvdNetworkConfig(Config):
    """The network of animation via disentanglement: a driver's points in the source's proportions."""

    id_bottleneck: int = 128
    """Numbers that describe the identity (published `id_bottle_size`)."""
    pose_bottleneck: int = 128
    """Numbers that describe the pose (published `pose_bottle_size`)."""

    def __post_init__(self) -> None:
        """Refuse empty bottlenecks."""
        for name in ("id_bottleneck", "pose_bottleneck"):
            require(getattr(self, name) >= 1, f"network.{name}", getattr(self, name), "at least 1")


@dataclass(frozen=True)
class TpsmmModelConfig(Config):
    """Keypoint detector, background predictor, dense motion, inpainting network, AVD network."""

    num_tps: int = 10
    """Thin-plate splines K; each takes 5 keypoints (paper)."""
    num_channels: int = 3
    """Image channels: 3 (published), or 1 for greyscale."""
    kp_variance: float = 0.01
    """Variance of the keypoint heatmaps, squared coordinate units (public release)."""
    detector_width: int = 64
    """Channels of the ResNet-18's first stage (public release: 64)."""
    estimate_background: bool = True
    """Have a network that estimates the camera's motion (published `bg`)."""
    background_width: int = 64
    """Channels of that ResNet-18's first stage (public release: 64)."""
    dense_motion: HourglassConfig = field(default_factory=lambda: HourglassConfig(64, 5, 1024))
    """The dense motion's hourglass."""
    dense_motion_scale: float = 0.25
    """Dense motion is estimated at this scale, 1 over a power of 2 (public release)."""
    multi_mask: bool = True
    """One occlusion map for each of the inpainting network's sizes; False: one at the flow's size."""
    block_expansion: int = 64
    """Width of the inpainting network's first block (public release)."""
    max_features: int = 512
    """Largest width of the inpainting network's encoder (public release)."""
    num_down_blocks: int = 3
    """Halvings in the inpainting network (public release)."""
    avd: AvdNetworkConfig | None = None
    """The AVD network that was trained on these keypoints; None: none was."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing and options that contradict each other."""
        names = ("num_tps", "detector_width", "background_width", "block_expansion", "max_features")
        for name in names:
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        require_halvings("model.num_down_blocks", self.num_down_blocks)
        require(self.num_channels in (1, 3), "model.num_channels", self.num_channels, "1 or 3")
        require(self.kp_variance > 0, "model.kp_variance", self.kp_variance, "above 0")
        scale = self.dense_motion_scale
        fits = is_reciprocal(scale) and math.log2(1 / scale).is_integer()
        require(fits, "model.dense_motion_scale", scale, "1 over a power of 2")
        if self.multi_mask and not 1 <= self.num_hourglass_masks <= self.dense_motion.num_blocks:
            least = self.num_mask_doublings
            raise ValueError(
                f"model.multi_mask=True needs model.num_down_blocks from {least} to "
                f"{least + self.dense_motion.num_blocks - 1} at model.dense_motion_scale={scale} with "
                f"{self.dense_motion.num_blocks} blocks, got {self.num_down_blocks}"
            )

    @property
    def num_kp(self) -> int:
        """Keypoints in all, 5 for each spline."""
        return POINTS_PER_TPS * self.num_tps

    @property
    def num_mask_doublings(self) -> int:
        """Doublings from the flow's size to the frame's, each giving an occlusion map of its size."""
        return round(math.log2(1 / self.dense_motion_scale))

    @property
    def num_hourglass_masks(self) -> int:
        """Occlusion maps read from the hourglass itself.

        The inpainting network has num_down_blocks + 1 sizes, the frame's and its halvings; those above the
        flow's size come from further doublings, the rest from the last maps of the hourglass's decoder.
        """
        return self.num_down_blocks + 1 - self.num_mask_doublings

    def check_size(self, size: int) -> None:
        """Refuse a frame side that these networks cannot take.

        Raises:
            ValueError: naming the field and the size.
        """
        multiple = 2**self.dense_motion.num_blocks * round(1 / self.dense_motion_scale)
        if size < 1 or size % multiple:
            raise ValueError(
                f"size must be divisible by {multiple} for model.dense_motion with "
                f"{self.dense_motion.num_blocks} blocks at scale {self.dense_motion_scale}, got {size}"
            )
        multiple = 2 ** (self.num_down_blocks + 1)  # an instance norm needs more than one pixel
        if size % multiple:
            raise ValueError(
                f"size must be divisible by {multiple} for model.num_down_blocks={self.num_down_blocks}, "
                f"got {size}"
            )
