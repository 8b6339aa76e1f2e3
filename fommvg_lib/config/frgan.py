"""Configuration of FRGAN: both stages, structure maps, losses, schedule (Zhao et al., ECCV 2018).

Defaults of the forecasting stage are the public release's. The refining stage was never released; its
defaults are a definition of ours in the paper's words, and marked so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.fomm_networks import require

STAGES = ("forecast", "refine")
STRUCTURES = ("kp", "landmarks", "normal", "pose", "morphable", "precomputed")
FROM_FILES = ("pose", "morphable", "precomputed")
INITIALS = ("published", "fan-in")
SMALLEST_SIDE = 8  # maps are halved while their side is at least this


@dataclass(frozen=True)
class ForecastConfig(Config):
    """Widths of the forecasting networks: min_width, doubled at each halving up to max_width."""

    code_dim: int = 128
    """Numbers of the code in which the analogy is taken (public release)."""
    min_width: int = 64
    """Channels at full size (public release)."""
    max_width: int = 512
    """Largest number of channels (public release)."""
    initial: str = "published"
    """First weights: "published", N(0, .02) whatever the width, or "fan-in", scaled by a layer's inputs (He
    et al. 2015): in narrow networks .02 lets the encoders' signal die out (our option)."""

    def __post_init__(self) -> None:
        """Refuse empty networks."""
        if self.initial not in INITIALS:
            raise ValueError(f"forecast.initial must be one of {', '.join(INITIALS)}, got {self.initial!r}")
        for name in ("code_dim", "min_width"):
            require(getattr(self, name) >= 1, f"forecast.{name}", getattr(self, name), "at least 1")
        require(self.max_width >= self.min_width, "forecast.max_width", self.max_width, "at least min_width")

    def num_levels(self, size: int) -> int:
        """Give how often a side of `size` pixels is halved: while it is at least 8."""
        levels = 0
        while size >= SMALLEST_SIDE:
            size, levels = size // 2, levels + 1
        return levels

    def widths(self, size: int) -> list[int]:
        """Give the channels of each level, full size first."""
        return [min(self.max_width, self.min_width * 2**i) for i in range(self.num_levels(size) + 1)]

    def smallest(self, size: int) -> int:
        """Give the side of the last level in pixels."""
        return size // 2 ** self.num_levels(size)


@dataclass(frozen=True)
class RefineConfig(Config):
    """The 3-D network of the refining stage and its critic (our definition; no layers were published)."""

    base_width: int = 32
    """Channels at full size, doubled at each halving."""
    max_width: int = 256
    """Largest number of channels."""
    num_blocks: int = 2
    """Residual blocks at the lowest resolution."""
    critic_width: int = 64
    """Channels of the video critic's first layer, doubled three times."""
    critic_max_width: int = 512
    """Largest number of channels of the video critic."""
    mask_bias: float = -2.0
    """Bias of the mask's layer at the start: below 0, the network begins near the identity."""
    sees_structure: bool = True
    """Whether it is given the structure maps and the start frame beside the forecast clip."""

    def __post_init__(self) -> None:
        """Refuse empty networks."""
        for name in ("base_width", "max_width", "critic_width", "critic_max_width"):
            require(getattr(self, name) >= 1, f"refine.{name}", getattr(self, name), "at least 1")
        require(self.num_blocks >= 0, "refine.num_blocks", self.num_blocks, "at least 0")


@dataclass(frozen=True)
class StructureConfig(Config):
    """What stands for the structure of a frame: maps of the frame's size in [-1, 1]."""

    kind: str = "kp"
    """`kp`: Gaussians of a frame generator's keypoints, of any object. `landmarks`: the 68 points of a face
    as coloured lines. `normal`: triangle normal maps of a face (published with a 3-D morphable model; ours
    from 68 landmarks). `pose`: Gaussians of body joints. `morphable`: the published maps, drawn from 62
    numbers a face and a 3-D morphable model that you have. `precomputed`: maps read from files."""
    variance: float = 0.01
    """Of the Gaussians, squared coordinate units; kp only (that of FOMM's own heatmaps)."""
    max_channels: int = 10
    """More keypoints than this share channels, in consecutive groups; kp only (our choice)."""
    files: str | None = None
    """Folder with a clip's joints, faces or maps in one .npz or .mat each; the last three kinds only."""

    def __post_init__(self) -> None:
        """Refuse unknown kinds and contradictions."""
        if self.kind not in STRUCTURES:
            raise ValueError(f"structure.kind must be one of {', '.join(STRUCTURES)}, got {self.kind!r}")
        require(self.variance > 0, "structure.variance", self.variance, "above 0")
        require(self.max_channels >= 1, "structure.max_channels", self.max_channels, "at least 1")
        if self.files is not None and self.kind not in FROM_FILES:
            raise ValueError(f"structure.files says nothing about structure.kind={self.kind}")


@dataclass(frozen=True)
class FrganLossWeights(Config):
    """Weights of the terms."""

    adversarial: float = 1.0
    """Of the critic's score in the generator's loss (public release)."""
    gradient_penalty: float = 10.0
    """Lambda of WGAN-GP (public release)."""
    l1: float = 3.0
    """Mean absolute difference, frames in [-1, 1] (public release)."""
    mask: float = 0.05
    """Mean of the mask: it keeps the change local (public release)."""
    colour: float = 0.0
    """L1 of the colour alone, the mask left out; forecasting only (published: none). A short run opens the
    mask only where the colour is right, and learns the colour only where the mask is open: it copies the
    start frame for long. This term is meant to break the circle (our option)."""
    gradient_difference: float = 1.0
    """Differences of neighbouring pixels, absolute; refining only (our definition)."""
    flicker: float = 1.0
    """Change from frame to frame against the real one; refining only (our definition)."""

    def __post_init__(self) -> None:
        """Refuse negative weights."""
        for name in self.to_dict():
            require(getattr(self, name) >= 0, f"loss_weights.{name}", getattr(self, name), "at least 0")


_SMALL = {
    "size": 64,
    "forecast": ForecastConfig(128, 16, 128, "fan-in"),
    "refine": RefineConfig(16, 128, 1, 16, 128),
    "precision": "bf16",
    "lr": 1e-3,
    "beta1": 0.9,
    "beta2": 0.99,
    "critic_start": 0.75,
    "constant_share": 0.5,
    "loss_weights.adversarial": 0.02,
    "loss_weights.mask": 0.005,
    "loss_weights.colour": 1.0,
    "ema_decay": 0.99,
}


@dataclass(frozen=True)
class FrganConfig(Config):
    """All that decides how a stage of FRGAN is trained; `full` is the published forecasting stage."""

    stage: str = "forecast"
    """`forecast`, or `refine`, which begins with the weights of a forecasting run (`--init`)."""
    size: int = 64
    """Frame side in pixels (published: 64; 96 and 128 work)."""
    num_channels: int = 3
    """Of the frames."""
    structure: StructureConfig = field(default_factory=StructureConfig)
    """The condition (published: triangle normal maps)."""
    forecast: ForecastConfig = field(default_factory=ForecastConfig)
    """The forecasting networks."""
    refine: RefineConfig = field(default_factory=RefineConfig)
    """The refining network; used by stage=refine."""
    loss_weights: FrganLossWeights = field(default_factory=FrganLossWeights)
    """Weights of the terms."""
    clip_frames: int = 16
    """Frames of a refined clip in training, and of a held-out one; a multiple of 4 (our choice)."""
    num_clips: int = 400
    """Clips of synthetic heads that are made when no folder is given (our choice)."""
    take_frames: int = 64
    """Frames of each of those clips; forecasting learns from all of them (takes of MUG have some 80)."""
    num_epochs: int = 100
    """Passes over all frames of all clips (public README)."""
    num_steps: int | None = None
    """Steps in all; overrides num_epochs."""
    batch_size: int = 64
    """Frames in a step, or clips in refining (public README)."""
    lr: float = 1e-4
    """Adam, of generator and critic (public release)."""
    beta1: float = 0.0
    """Adam, first moment (public release)."""
    beta2: float = 0.9
    """Adam, second moment (public release)."""
    critic_start: float = 0.0
    """Share of the run after which the critic joins (published: 0; short runs learn to paint first)."""
    constant_share: float = 1.0
    """Share of the run at full rate; after it the rate falls linearly towards 0 (published: constant)."""
    precision: str = "fp32"
    """`fp32`, or `bf16`: convolutions in bfloat16; refining on a CPU is in fp32 in any case (our option)."""
    ema_decay: float = 0.0
    """Decay of the running mean of the generator's weights that is saved for use; 0: none (published)."""
    seed: int = 0
    """Everything random is derived from it."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {**_SMALL, "num_clips": 8, "num_steps": 6, "batch_size": 2, "clip_frames": 8,
                  "take_frames": 16, "forecast": ForecastConfig(32, 8, 32, "fan-in"),
                  "refine": RefineConfig(4, 16, 1, 4, 16), "precision": "fp32"},
        "shipped": {**_SMALL, "num_steps": 800, "batch_size": 12},
        "colab": {"precision": "bf16", "num_epochs": 20, "num_clips": 800},
        "full": {"structure.kind": "normal"},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse contradictions, naming field and value."""
        if self.stage not in STAGES:
            raise ValueError(f"stage must be forecast or refine, got {self.stage!r}")
        levels = self.forecast.num_levels(self.size)
        fits = self.size >= 16 and self.size % 2**levels == 0
        require(fits, "size", self.size, f"at least 16 and a multiple of {2**levels}")
        require(self.num_channels in (1, 3), "num_channels", self.num_channels, "1 or 3")
        rule = "a multiple of 4, at least 4"
        require(self.take_frames >= 2, "take_frames", self.take_frames, "at least 2")
        require(self.clip_frames >= 4 and self.clip_frames % 4 == 0, "clip_frames", self.clip_frames, rule)
        for name in ("num_clips", "num_epochs", "batch_size"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        steps = self.num_steps
        require(steps is None or steps >= 1, "num_steps", steps, "at least 1 or None")
        require(self.lr > 0, "lr", self.lr, "above 0")
        for name in ("beta1", "beta2"):
            require(0 <= getattr(self, name) < 1, name, getattr(self, name), "in [0, 1)")
        require(0 <= self.critic_start <= 1, "critic_start", self.critic_start, "in [0, 1]")
        require(0 < self.constant_share <= 1, "constant_share", self.constant_share, "in (0, 1]")
        require(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "in [0, 1)")
        require(self.precision in ("fp32", "bf16"), "precision", self.precision, "fp32 or bf16")
