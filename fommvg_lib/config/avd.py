"""Configuration of animation via disentanglement: the AVD network's training (Zhao and Zhang 2022)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import FrameDataConfig
from fommvg_lib.config.fomm_networks import require
from fommvg_lib.config.tpsmm import check_schedule, vox_data
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig

__all__ = ["AvdConfig", "AvdNetworkConfig"]

_SMALL = {
    "network": AvdNetworkConfig(16, 16),
    "data": FrameDataConfig(),
    "batch_size": 32,
}


@dataclass(frozen=True)
class AvdConfig(Config):
    """All that decides how an AVD network is trained on a finished TPSMM's keypoints.

    Defaults, and profile `full`, are the published vox-256.
    """

    network: AvdNetworkConfig = field(default_factory=AvdNetworkConfig)
    """Sizes."""
    random_scale: float = 0.25
    """The driver's points are stretched by a factor within 1 +- this, for x and y each (public release)."""
    weight: float = 1.0
    """Of the only term (published `lambda_shift`)."""
    data: FrameDataConfig = field(default_factory=lambda: vox_data(300))
    """Sampling and augmentation of frame pairs."""
    num_epochs: int = 200
    """Passes over the repeated data set (published vox-256)."""
    epoch_milestones: tuple[int, ...] = (140, 180)
    """Epochs after which the learning rate falls tenfold (published vox-256)."""
    batch_size: int = 256
    """Pairs in a step (public release)."""
    lr: float = 1e-3
    """Adam, betas (0.5, 0.999) (public release)."""
    checkpoint_epochs: int = 50
    """Epochs between published checkpoints (published vox-256)."""
    num_steps: int | None = None
    """Steps in all; overrides num_epochs, milestones then scale with it."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {**_SMALL, "num_steps": 40},
        "shipped": {**_SMALL, "num_steps": 2000},
        "colab": {"num_steps": 20000},
        "full": {},
    }

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        check_schedule(self)
        require(self.lr > 0, "lr", self.lr, "above 0")
        require(self.weight > 0, "weight", self.weight, "above 0")
        require(0 <= self.random_scale < 1, "random_scale", self.random_scale, "in [0, 1)")
