"""Configs of the completers of the CSE 291G project: adversarial (WGAN) and autoregressive (AR).

Defaults, and with them the profile `full`, are the published settings where those exist (`full` also chooses
the published form); fields that only one form knows say so. A field that is None takes its form's own value,
which its docstring names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fommvg_lib.config.base import Config

FORMS = ("default", "legacy")
CONSTRAINTS = ("clip", "gp")


def _check(config: Any, positive: tuple[str, ...], not_negative: tuple[str, ...]) -> None:
    for name in positive:
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} must be above 0, got {getattr(config, name)}")
    for name in not_negative:
        if not getattr(config, name) >= 0:
            raise ValueError(f"{name} must be at least 0, got {getattr(config, name)}")
    if config.form not in FORMS:
        raise ValueError(f"form must be default or legacy, got {config.form!r}")
    if not 3 <= config.min_window <= config.max_window:
        raise ValueError(
            f"min_window must be from 3 to max_window, got {config.min_window} and {config.max_window}"
        )
    if config.max_seq_len < 4:
        raise ValueError(f"max_seq_len must be at least 4, got {config.max_seq_len}")
    for name in ("beta1", "ema_decay"):
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name} must be in [0, 1), got {getattr(config, name)}")
    if not 0 < config.constant_share <= 1:
        raise ValueError(f"constant_share must be in (0, 1], got {config.constant_share}")


@dataclass(frozen=True)
class WganConfig(Config):
    """Training of the adversarial completer."""

    form: str = "default"
    """"default": corrected; "legacy": networks, scaling and order of the published project."""
    seed: int = 0
    """Seed of weights, batches and noise."""
    num_clips: int = 256
    """Clips of synthetic heads that are made when no motion files are given (our choice)."""
    clip_frames: int = 128
    """Frames of each of those clips (our choice)."""
    fps: float | None = None
    """Frames per second to which motion files are brought; None: they must have one rate (our choice)."""
    num_epochs: int = 3001
    """Epochs (published, the run shown)."""
    epoch_size: int = 46
    """Steps in an epoch, each a batch (published: one pass over 368 clips, say, in batches of 8)."""
    batch_size: int = 8
    """Windows in a step (published)."""
    learning_rate: float = 1e-4
    """Critic (published: one rate for both)."""
    learning_rate_generator: float = 1e-4
    """Generator (published: one rate for both)."""
    beta1: float = 0.0
    """Adam, first moment, with the gradient penalty; the second is 0.9 (Gulrajani et al. 2017). With clipping
    it is RMSprop without momentum (published)."""
    constant_share: float = 1.0
    """Share of the run at full rates; after it they fall linearly towards 0 (published: no schedule)."""
    noise_dim: int = 40
    """Noise per frame, and features of an end frame in the legacy form (published)."""
    hidden_dim: int = 256
    """Width of each direction of the generator's GRU (published)."""
    critic_dim: int = 256
    """Width of each direction of the critic's GRU (published)."""
    num_components: int = 30
    """Principal components in which the departure from the straight path is made; default form only."""
    num_critic: int = 5
    """Critic steps to a generator step; it moves in steps 0, 5, 10, ... (published)."""
    constraint: str | None = None
    """How the critic is kept smooth: "clip" its weights, or "gp", a gradient penalty for each sequence. None:
    clip in the legacy form (published), gp in the default form."""
    clip_value: float = 0.01
    """Bound of the critic's weights with clip (published). The legacy form clips before the optimiser's step
    (published: the bound lags one step behind), the default form after it."""
    weight_penalty: float = 10.0
    """Weight lambda of the gradient penalty (published code, there commented out)."""
    weight_l1: float = 0.0
    """Weight of the L1 to the real window (published: none)."""
    weight_moments: float = 0.0
    """Weight of moment matching against the real windows of the step; default form only (our choice)."""
    moment_lags: tuple[int, ...] = (0, 1, 2, 4, 8, 16)
    """Frames over which moments of the motion are matched, 0 for second differences; default form only."""
    condition_critic: bool | None = None
    """Whether the critic sees both ends at every step. None: not in the legacy form (published), but in the
    default form."""
    pin_endpoints: bool | None = None
    """Whether both ends are exact in training too, not at use alone. None: not in the legacy form
    (published), but in the default form."""
    max_seq_len: int = 16
    """Frames in a window; legacy form only (published)."""
    min_window: int = 8
    """Shortest window of a step, in frames; default form only (our choice)."""
    max_window: int = 40
    """Longest window of a step, in frames; default form only (our choice)."""
    ema_decay: float = 0.999
    """Decay of the running mean of the generator's weights that is saved for use; default form only."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "num_clips": 24, "clip_frames": 64, "num_epochs": 5, "epoch_size": 50, "batch_size": 24,
            "learning_rate": 1e-3, "learning_rate_generator": 1e-3, "noise_dim": 16, "hidden_dim": 48,
            "critic_dim": 32, "weight_moments": 1.0, "constant_share": 0.5, "ema_decay": 0.95,
        },
        "shipped": {
            "num_clips": 64, "num_epochs": 12, "epoch_size": 100, "batch_size": 32, "learning_rate": 1e-3,
            "learning_rate_generator": 1e-3, "noise_dim": 16, "hidden_dim": 64, "critic_dim": 48,
            "num_components": 40, "weight_moments": 1.0, "constant_share": 0.5, "ema_decay": 0.97,
        },
        "colab": {
            "num_epochs": 100, "epoch_size": 500, "batch_size": 128, "learning_rate": 5e-4,
            "learning_rate_generator": 5e-4, "noise_dim": 32, "hidden_dim": 128, "critic_dim": 128,
            "num_components": 40, "weight_moments": 1.0, "constant_share": 0.5,
        },
        "full": {"form": "legacy"},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, naming them."""
        positive = ("num_clips", "clip_frames", "num_epochs", "epoch_size", "batch_size", "learning_rate")
        positive += ("learning_rate_generator", "noise_dim", "hidden_dim", "critic_dim", "num_components")
        positive += ("num_critic", "clip_value")
        _check(self, positive, ("weight_penalty", "weight_l1", "weight_moments"))
        if self.constraint not in (None, *CONSTRAINTS):
            raise ValueError(f"constraint must be clip or gp, got {self.constraint!r}")
        if not self.moment_lags or min(self.moment_lags) not in (0, 1):
            raise ValueError(f"moment_lags must begin at 0 or 1, got {self.moment_lags}")

    @property
    def chosen_constraint(self) -> str:
        """Give "clip" or "gp"."""
        return self.constraint or ("clip" if self.form == "legacy" else "gp")

    @property
    def conditions_critic(self) -> bool:
        """Say whether the critic sees both ends."""
        return self.form == "default" if self.condition_critic is None else self.condition_critic

    @property
    def pins_endpoints(self) -> bool:
        """Say whether ends are exact in training."""
        return self.form == "default" if self.pin_endpoints is None else self.pin_endpoints


@dataclass(frozen=True)
class AutoregressiveConfig(Config):
    """Training of the autoregressive completer."""

    form: str = "default"
    """"default": corrected; "legacy": network, scaling and loss of the published project."""
    seed: int = 0
    """Seed of weights, batches and sampled inputs."""
    num_clips: int = 256
    """Clips of synthetic heads that are made when no motion files are given (our choice)."""
    clip_frames: int = 128
    """Frames of each of those clips (our choice)."""
    fps: float | None = None
    """Frames per second to which motion files are brought; None: they must have one rate (our choice)."""
    num_epochs: int = 40
    """Epochs (published)."""
    epoch_size: int = 23
    """Steps in an epoch, each a batch (published: one pass over 368 quarter clips in batches of 16)."""
    batch_size: int = 16
    """Windows in a step (published)."""
    learning_rate: float = 5e-4
    """Adam (published)."""
    beta1: float = 0.9
    """Adam, first moment; the second is 0.999 (published: torch's own values)."""
    constant_share: float = 1.0
    """Share of the run at the full rate; after it it falls linearly towards 0 (published: no schedule)."""
    hidden_dim: int = 256
    """Width of each of the two GRUs (published)."""
    num_parts: int = 4
    """Equal parts into which a clip is cut; a window is drawn from one; legacy form only (published)."""
    max_seq_len: int = 16
    """Frames in a window; legacy form only (published)."""
    min_window: int = 8
    """Shortest window of a step, in frames; default form only (our choice)."""
    max_window: int = 40
    """Longest window of a step, in frames; default form only (our choice)."""
    sampling_share: float = 0.5
    """Share of the inputs that are the network's own in the end (scheduled sampling, Bengio et al. 2015);
    default form only."""
    sampling_epochs: int = 10
    """Epochs over which that share grows from 0, linearly; default form only (our choice)."""
    fade: bool = True
    """Whether the rollouts from both ends are cross-faded, or joined where they are closest; default form
    only (the legacy form joins them, as published)."""
    ema_decay: float = 0.99
    """Decay of the running mean of the weights that is saved for use; default form only."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "num_clips": 24, "clip_frames": 64, "num_epochs": 4, "epoch_size": 50, "batch_size": 24,
            "learning_rate": 2e-3, "hidden_dim": 48, "constant_share": 0.5, "sampling_epochs": 2,
        },
        "shipped": {
            "num_clips": 64, "num_epochs": 10, "epoch_size": 100, "batch_size": 32, "learning_rate": 2e-3,
            "hidden_dim": 48, "constant_share": 0.5, "sampling_epochs": 5,
        },
        "colab": {
            "num_epochs": 40, "epoch_size": 500, "batch_size": 128, "learning_rate": 1e-3,
            "constant_share": 0.5,
        },
        "full": {"form": "legacy"},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, naming them."""
        positive = ("num_clips", "clip_frames", "num_epochs", "epoch_size", "batch_size", "learning_rate")
        _check(self, (*positive, "hidden_dim", "num_parts", "sampling_epochs"), ())
        if not 0 <= self.sampling_share <= 1:
            raise ValueError(f"sampling_share must be in [0, 1], got {self.sampling_share}")
