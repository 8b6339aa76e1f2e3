"""Configuration of CVI, video inbetweening by direct 3-D convolutions (Li et al. 2019, arXiv 1905.10240).

Sizes marked "public" are those of a public re-implementation; the paper's own regulariser, learning rate and
number of steps are not known here. Profile `full` is the public training on grey 64 px clips of 16 frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm_networks import require

OBJECTIVES = ("adversarial", "hybrid")
DISCRIMINATOR_HALVINGS = 4
MIN_SIZE = 64


@dataclass(frozen=True)
class CviModelConfig(Config):
    """The networks that are kept: image encoder, latent generator, video generator."""

    num_frames: int = 16
    """Frames T of a clip, both known ends included; 4, 8, 16, 32, ... (public: 16)."""
    num_channels: int = 3
    """Image channels: 3, or 1 for greyscale (public: 1)."""
    noise_dim: int = 128
    """Numbers of noise a sample (public)."""
    latent_dim: int = 64
    """Channels of the latent video (public)."""
    base_width: int = 64
    """Channels at half the image's size; they double with each further halving (public)."""
    num_halvings: int = 3
    """Halvings from the image to the latent video (public: 64 px to 8)."""
    layers_per_scale: int = 8
    """Residual layers of the latent generator at each number of frames (public: 24 for T = 4, 8, 16)."""
    has_skips: bool = False
    """Our variant `cvi-skip`: features and pixels of both ends reach the video generator."""

    def __post_init__(self) -> None:
        """Refuse sizes that mean nothing."""
        is_power = self.num_frames >= 4 and self.num_frames & (self.num_frames - 1) == 0
        require(is_power, "model.num_frames", self.num_frames, "4, 8, 16, 32, ...: a power of 2")
        require(self.num_channels in (1, 3), "model.num_channels", self.num_channels, "1 or 3")
        for name in ("noise_dim", "latent_dim", "base_width", "num_halvings", "layers_per_scale"):
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")


_OURS = FrameDataConfig(augmentation=AugmentationConfig())
_SMALL = {
    "model.noise_dim": 32,
    "model.latent_dim": 32,
    "model.base_width": 16,
    "model.layers_per_scale": 2,
    "discriminator_width": 8,
    "batch_size": 4,
    "lr_generator": 5e-4,
    "lr_discriminator": 2e-4,
    "constant_share": 0.5,
    "ema_decay": 0.99,
}


@dataclass(frozen=True)
class CviConfig(Config):
    """All that decides how a CVI is trained."""

    size: int = 64
    """Frame side in pixels, at least 64 (public: 64)."""
    stride: int = 1
    """Frames of a clip from one frame of a window to the next (our option)."""
    model: CviModelConfig = field(default_factory=CviModelConfig)
    """The networks that are kept."""
    discriminator_width: int = 64
    """Channels of both discriminators after the first halving, doubling three times (public)."""
    objective: str = "hybrid"
    """`hybrid`: reconstruction and adversarial terms (public). `adversarial`: the latter alone (paper)."""
    discriminator_norm: str | None = None
    """`layer` or `spectral`. None: layer norm with hybrid (public), spectral norm with adversarial."""
    reconstruction: str = "mse"
    """Difference of pixels in the hybrid objective: `mse` (public) or `l1` (our option)."""
    weight_reconstruction: float = 1.0
    """Weight alpha of pixels and of gradient differences in the hybrid objective (public)."""
    weight_adversarial: float | None = None
    """Weight beta of both discriminators' terms. None: 0.02 with hybrid (public), 1 with adversarial."""
    data: FrameDataConfig = field(default_factory=lambda: _OURS)
    """Sampling and augmentation of windows."""
    num_steps: int = 30000
    """Steps in all (public)."""
    batch_size: int = 32
    """Windows in a step (public: 8 by default, 32 used)."""
    lr_generator: float = 1e-4
    """Adam, betas (0.5, 0.999), all networks that are kept (public)."""
    lr_discriminator: float = 1e-4
    """Same, both discriminators (public)."""
    constant_share: float = 1.0
    """Share of the run at full rates; after it they fall linearly towards 0 (public: no schedule)."""
    ema_decay: float = 0.0
    """Decay of the running mean of the weights that is then saved for use; 0: none is kept (public)."""
    precision: str = "fp32"
    """`fp32`, or `bf16`: convolutions in bfloat16 (our option)."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            **_SMALL,
            "num_steps": 12,
            "batch_size": 2,
            "model.has_skips": True,
            "reconstruction": "l1",
        },
        "shipped": {**_SMALL, "num_steps": 2000, "model.has_skips": True, "reconstruction": "l1"},
        "colab": {"model.has_skips": True, "reconstruction": "l1", "batch_size": 16, "precision": "bf16"},
        "full": {
            "model.num_channels": 1,
            "data": FrameDataConfig(augmentation=AugmentationConfig(time_flip=False)),
        },
    }

    def __post_init__(self) -> None:
        """Refuse contradictions, naming field and value."""
        unit = 2 ** max(self.model.num_halvings, DISCRIMINATOR_HALVINGS)
        require(
            self.size >= MIN_SIZE and self.size % unit == 0,
            "size",
            self.size,
            f"at least {MIN_SIZE} and a multiple of {unit}",
        )
        for name in ("stride", "discriminator_width", "num_steps", "batch_size"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("lr_generator", "lr_discriminator"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        require(self.objective in OBJECTIVES, "objective", self.objective, "adversarial or hybrid")
        norms = (None, "layer", "spectral")
        require(
            self.discriminator_norm in norms,
            "discriminator_norm",
            self.discriminator_norm,
            "layer or spectral",
        )
        require(self.reconstruction in ("mse", "l1"), "reconstruction", self.reconstruction, "mse or l1")
        require(
            self.weight_reconstruction > 0, "weight_reconstruction", self.weight_reconstruction, "above 0"
        )
        least = 0 if self.objective == "hybrid" else 1e-12
        beta = self.weight_adversarial
        rule = "above 0" if least else "at least 0"
        require(beta is None or beta >= least, "weight_adversarial", beta, rule)
        require(0 < self.constant_share <= 1, "constant_share", self.constant_share, "in (0, 1]")
        require(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "in [0, 1)")
        require(self.precision in ("fp32", "bf16"), "precision", self.precision, "fp32 or bf16")

    @property
    def beta(self) -> float:
        """Give the weight of the adversarial terms."""
        if self.weight_adversarial is not None:
            return self.weight_adversarial
        return 0.02 if self.objective == "hybrid" else 1.0

    @property
    def uses_spectral_norm(self) -> bool:
        """Say whether the discriminators have spectral norm instead of layer norm."""
        chosen = self.discriminator_norm or ("layer" if self.objective == "hybrid" else "spectral")
        return chosen == "spectral"
