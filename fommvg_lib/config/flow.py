"""Config of motion flow, the motion generator for any set of known frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fommvg_lib.config.base import Config


@dataclass(frozen=True)
class FlowConfig(Config):
    """Training of motion flow; all values are our choice but where a source is named."""

    seed: int = 0
    """Seed of weights, batches, masks and noise."""
    num_clips: int = 256
    """Clips of synthetic heads that are made when no motion files are given."""
    clip_frames: int = 128
    """Frames of each of those clips."""
    fps: float | None = None
    """Frames per second to which motion files are brought; None: they must have one rate."""
    num_epochs: int = 100
    """Epochs."""
    epoch_size: int = 1000
    """Steps in an epoch."""
    batch_size: int = 128
    """Windows in a step."""
    num_patterns: int = 16
    """Patterns of known frames in a step, each for a block of windows (the prior is costly to condition)."""
    learning_rate: float = 2e-3
    """AdamW, after the warm-up."""
    warm_up: int = 100
    """Steps in which the rate rises linearly."""
    constant_share: float = 0.4
    """Share of the run up to which the rate stays; after it it falls linearly towards 0."""
    beta1: float = 0.9
    """AdamW, first moment."""
    beta2: float = 0.99
    """AdamW, second moment."""
    weight_decay: float = 0.01
    """AdamW, of all parameters."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0: any."""
    ema_decay: float = 0.999
    """Decay of the running mean of the weights that is saved for use."""
    width: int = 80
    """Width of the transformer's tokens."""
    num_layers: int = 3
    """Blocks of the transformer."""
    num_heads: int = 4
    """Heads of its attention."""
    hidden_dim: int = 128
    """Width inside the two-layer network of each block."""
    min_window: int = 4
    """Shortest window of a step, in frames; lengths are drawn evenly on a logarithmic scale."""
    max_window: int = 64
    """Longest window of a step, in frames (at most the longest clip); use beyond it goes window by window."""
    weight_change: float = 1.0
    """Weight of the error of the velocity's first difference in time; at 1 it counts like the error."""
    weight_bend: float = 1.0
    """Weight of the error of its second difference, likewise."""
    share_prediction: float = 0.3
    """Share of the windows that know the first frame alone."""
    share_interpolation: float = 0.3
    """Share of the windows that know the first and the last frame alone."""
    share_past: float = 0.2
    """Share of the windows that know a past of random length; the rest knows random frames."""
    num_samples: int = 5
    """Samples of each window of which the best counts, in held-out figures."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "num_clips": 24, "clip_frames": 64, "num_epochs": 3, "epoch_size": 40, "batch_size": 32,
            "width": 48, "num_layers": 2, "hidden_dim": 96, "max_window": 32, "warm_up": 20,
            "ema_decay": 0.98,
        },
        "shipped": {"num_clips": 512, "num_epochs": 60, "epoch_size": 100},
        "colab": {"num_clips": 1024, "num_epochs": 60, "width": 192, "num_layers": 4, "hidden_dim": 512},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, naming them."""
        for name in (
            "num_clips", "clip_frames", "num_epochs", "epoch_size", "batch_size", "num_patterns",
            "learning_rate", "width", "num_layers", "num_heads", "hidden_dim", "num_samples",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("warm_up", "weight_decay", "clip_norm", "weight_change", "weight_bend"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("beta1", "beta2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if not 0 < self.constant_share <= 1:
            raise ValueError(f"constant_share must be in (0, 1], got {self.constant_share}")
        if not 4 <= self.min_window <= self.max_window:
            raise ValueError(
                f"min_window must be from 4 to max_window, got {self.min_window} and {self.max_window}"
            )
        if self.width % (2 * self.num_heads):
            raise ValueError(f"width must be a multiple of 2 * num_heads, got {self.width}, {self.num_heads}")
        if self.batch_size % self.num_patterns:
            raise ValueError(
                f"batch_size must be a multiple of num_patterns, got {self.batch_size}, {self.num_patterns}"
            )
        shares = self.share_prediction, self.share_interpolation, self.share_past
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(
                f"share_prediction, share_interpolation and share_past must add to at most 1, got {shares}"
            )
