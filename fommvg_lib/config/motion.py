"""Configs of the motion generators that train: video prediction (VP) and frame interpolation (FI).

Defaults, and with them the profile `full`, are the published settings (FOMMVG release and README) where those
exist, but for `avd_share`, which only `full` sets; fields that only the corrected form knows say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fommvg_lib.config.base import Config
from fommvg_lib.config.corrections import Corrections, check_trained_pair

# What short trainings of the corrected forms share: higher rates that fall, less inertia, a younger mean.
_SHORT = {
    "learning_rate": 1e-3, "learning_rate_generator": 1e-3, "beta1": 0.5, "constant_share": 0.5,
    "ema_decay": 0.99,
}  # fmt: skip
# The energy score leads from the first step, a gentle critic refines; results/motion_ablation compares.
_SCORED = {
    **_SHORT, "learning_rate": 2e-4, "learning_rate_generator": 3e-3, "weight_critic": 0.1,
    "weight_penalty": 10.0, "weight_moments": 0.05, "noise_memory": (2.0, 4.0, 8.0, 16.0, 32.0),
}  # fmt: skip
# Without a limit one of six runs blew up after 700 steps: its gradient went from 2 to 30,000.
_SCORED_VP = {**_SCORED, "clip_norm": 5.0}
_SCORED_FI = {
    **_SCORED, "weight_score": 1.0, "weight_best": 0.0, "weight_recovery": 0.0, "num_candidates": 2,
}  # fmt: skip


@dataclass(frozen=True)
class VideoPredictionConfig(Config, Corrections):
    """Training of video prediction."""

    form: str = "default"
    """"default": corrected; "legacy": network, losses and order of the public release, flaws included."""
    seed: int = 0
    """Seed of weights, batches and noise."""
    num_clips: int = 256
    """Clips of synthetic heads that are made when no motion files are given (our choice)."""
    clip_frames: int = 128
    """Frames of each of those clips (our choice)."""
    fps: float | None = None
    """Frames per second to which motion files are brought; None: they must have one rate (our choice)."""
    num_epochs: int = 500
    """Epochs (published)."""
    epoch_size: int = 600
    """Steps in an epoch (published)."""
    batch_size: int = 300
    """Windows in a step (published)."""
    learning_rate: float = 1e-3
    """Adam, critic (published `lr`)."""
    learning_rate_generator: float = 5e-5
    """Adam, generator (published `glr`)."""
    beta1: float = 0.9
    """Adam, first moment (published); the second is 0.999."""
    constant_share: float = 1.0
    """Share of the run at full rates; after it they fall linearly towards 0 (published: no schedule)."""
    clip_norm: float = 0.0
    """Largest norm of the generator's gradient and of the critic's; 0: any (published)."""
    noise_dim: int = 32
    """Noise per frame (published: 32, whatever the command line says)."""
    hidden_dim: int = 32
    """Width of the LSTM (published: 32, whatever the command line says)."""
    num_layers: int = 1
    """LSTM layers; default form only."""
    noise_memory: tuple[float, ...] = ()
    """Time constants in frames, dealt out to the channels of the noise; none: white (published); default form
    only."""
    num_components: int = 30
    """Principal components of residual motion (published); at most D are kept."""
    weight_moments: float = 0.5
    """Weight of moment matching (published README `weight_lm`): of the sum over components in the legacy
    form, of the mean over components and lags in the default form."""
    max_seq_len: int = 16
    """Frames in a clip; legacy form only (published)."""
    d_update_epoch: int = 100
    """Epochs after which the critic scores one step more; under `curriculum` only (published)."""
    moments: str | None = None
    """Moment matching: "fixed", the divergence that was meant, or "legacy", the published one; off:
    weight_moments=0. None, here and below: as the form has it."""
    start: str | None = None
    """Known frame: "own", the window's first, or "random", any frame of the same clip (published)."""
    critic_condition: str | None = None
    """Conditional realism: the critic sees the known frame, scaled ("start"), or not ("none", published)."""
    critic_span: int | None = None
    """Consecutive differences of motion that the critic scores at once, in units of their size. None: the
    form's own critic, which sees in the default form places, velocities and accelerations of some 30 frames,
    in the legacy form one raw difference (published)."""
    critic_steps: str | None = None
    """Which of the generated steps the critic sees: "all", or "curriculum", the first D_len (published)."""
    is_scaled: bool = True
    """Whether the motion space has units of its own for every number; default form only (published: no)."""
    min_window: int = 16
    """Shortest window of a step, in frames; default form only (our choice)."""
    max_window: int = 64
    """Longest window of a step, in frames; default form only (our choice: what is generated at use)."""
    moment_lags: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32)
    """Frames over which moments of the motion are matched, 0 for second differences; default form only."""
    weight_score: float = 1.0
    """Weight of the energy score of two samples against the real window, summed over places, velocities and
    accelerations in units of their size; default form only (our choice)."""
    weight_critic: float = 1.0
    """Weight of the critic in the generator's loss; 0: no critic; default form only (published: 1)."""
    critic_width: int = 64
    """Channels of the temporal critic; default form only."""
    weight_penalty: float = 1.0
    """Half of gamma of the gradient penalty on real data (Mescheder et al. 2018); default form only."""
    penalty_every: int = 4
    """Steps between gradient penalties, each weighted by as much; default form only."""
    ema_decay: float = 0.999
    """Decay of the running mean of the generator's weights that is saved for use; default form only."""
    avd_share: float = 0.0
    """Share of the windows of a step that the AVD network of the motion's TPSMM gives another person's
    proportions (published: 1, and profile `full`, so it needs a TPSMM's motion); 0: none."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            **_SCORED_VP, "num_clips": 24, "clip_frames": 64, "num_epochs": 3, "epoch_size": 50,
            "batch_size": 32, "hidden_dim": 64, "max_window": 48,
        },
        "shipped": {
            **_SCORED_VP, "num_epochs": 40, "epoch_size": 100, "batch_size": 64, "hidden_dim": 64,
            "num_components": 40, "max_window": 32,
        },
        "colab": {
            **_SCORED_VP, "num_epochs": 60, "epoch_size": 500, "batch_size": 256, "hidden_dim": 128,
            "num_components": 40, "ema_decay": 0.999,
        },
        "full": {"avd_share": 1.0},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, naming them."""
        positive = (
            "num_clips",
            "clip_frames",
            "num_epochs",
            "epoch_size",
            "batch_size",
            "learning_rate",
            "learning_rate_generator",
        )
        positive += ("noise_dim", "hidden_dim", "num_layers", "num_components", "d_update_epoch")
        positive += ("critic_width", "penalty_every")
        check_trained_pair(
            self, positive, ("weight_moments", "weight_penalty", "weight_score", "weight_critic", "clip_norm")
        )
        if self.form == "default" and not self.weight_moments + self.weight_score + self.weight_critic > 0:
            raise ValueError("weight_moments, weight_score and weight_critic are all 0: nothing would train")
        if not 0 <= self.avd_share <= 1:
            raise ValueError(f"avd_share must be in [0, 1], got {self.avd_share}")
        self._check_critic()

    def _check_critic(self) -> None:
        """Refuse a critic that no window can fill, or that cannot see what it is told to."""
        shortest = self.max_seq_len if self.form == "legacy" else self.min_window
        if self.critic_span is not None and not 1 <= self.critic_span < shortest:
            raise ValueError(
                f"critic_span must be from 1 to {shortest - 1} (windows have {shortest} frames), "
                f"got {self.critic_span}"
            )
        if self.form == "legacy" and self.critic_condition == "start" and self.critic_span is None:
            raise ValueError("critic_condition=start needs a critic_span in the legacy form")


@dataclass(frozen=True)
class FrameInterpolationConfig(Config, Corrections):
    """Training of frame interpolation."""

    form: str = "default"
    """"default": corrected; "legacy": network, losses and order of the public release, flaws included."""
    seed: int = 0
    """Seed of weights, batches and noise."""
    num_clips: int = 256
    """Clips of synthetic heads that are made when no motion files are given (our choice)."""
    clip_frames: int = 128
    """Frames of each of those clips (our choice)."""
    fps: float | None = None
    """Frames per second to which motion files are brought; None: they must have one rate (our choice)."""
    num_epochs: int = 1000
    """Epochs (published)."""
    epoch_size: int = 600
    """Steps in an epoch (published README; the script's own default is 300)."""
    batch_size: int = 600
    """Windows in a step (published README; the script's own default is 100)."""
    learning_rate: float = 5e-4
    """Adam, critic (published: one rate for all)."""
    learning_rate_generator: float = 5e-4
    """Adam, generator and noise recovery (published: one rate for all)."""
    beta1: float = 0.9
    """Adam, first moment (published); the second is 0.999."""
    constant_share: float = 1.0
    """Share of the run at full rates; after it they fall linearly towards 0 (published: no schedule)."""
    clip_norm: float = 0.0
    """Largest norm of the generator's gradient and of the critic's; 0: any (published)."""
    noise_dim: int = 100
    """Noise per frame (published)."""
    hidden_dim: int = 100
    """Width of each LSTM (published)."""
    noise_memory: tuple[float, ...] = ()
    """Time constants in frames, dealt out to the channels of the noise; none: white (published); default form
    only."""
    num_components: int = 30
    """Principal components in which the departure from the straight path is made; default form only."""
    weight_lm: float = 10.0
    """Weight of noise recovery; legacy form only (published)."""
    weight_recons: float = 0.0
    """Weight of the L1 to the real window; legacy form only (published)."""
    max_seq_len: int = 16
    """Frames in a window; legacy form only (published)."""
    d_update_epoch: int = 200
    """Epochs after which the critic scores one step more; under `curriculum` only (published)."""
    moments: str | None = None
    """Moment matching: "fixed", the divergence that was meant, or "legacy", the published one; off:
    weight_moments=0. None, here and below: as the form has it."""
    start: str | None = None
    """Known frames: "own", the window's two ends, or "random", any two of the same clip (published)."""
    critic_condition: str | None = None
    """Whether the critic sees the known frames, scaled: "start" (both ends) or "none" (published)."""
    critic_steps: str | None = None
    """Which of the generated steps the critic sees: "all", or "curriculum", the first D_len (published)."""
    is_scaled: bool = True
    """Whether the motion space has units of its own for every number; default form only (published: no)."""
    min_window: int = 8
    """Shortest window of a step, in frames; default form only (our choice)."""
    max_window: int = 40
    """Longest window of a step, in frames; default form only (our choice)."""
    weight_recovery: float = 0.1
    """Weight of noise recovery; default form only (our choice: more of it makes motion jitter)."""
    weight_moments: float = 0.5
    """Weight of moment matching against the real windows of the step; default form only."""
    moment_lags: tuple[int, ...] = (0, 1, 2, 4, 8, 16)
    """Frames over which moments of the motion are matched, 0 for second differences; default form only."""
    weight_score: float = 0.0
    """Weight of the energy score of the first two samples against the real window, summed over places,
    velocities and accelerations in units of their size; default form only (our choice)."""
    weight_critic: float = 1.0
    """Weight of the critic in the generator's loss; 0: no critic; default form only (published: 1)."""
    weight_best: float = 1.0
    """Weight of the L1 of the best of several samples, in units of spread; default form only (our choice)."""
    num_candidates: int = 5
    """Samples per window of which the best counts; default form only (our choice)."""
    critic_width: int = 64
    """Channels of the temporal critic; default form only."""
    weight_penalty: float = 1.0
    """Half of gamma of the gradient penalty on real data (Mescheder et al. 2018); default form only."""
    penalty_every: int = 4
    """Steps between gradient penalties, each weighted by as much; default form only."""
    ema_decay: float = 0.999
    """Decay of the running mean of the generator's weights that is saved for use; default form only."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            **_SCORED_FI, "num_clips": 24, "clip_frames": 64, "num_epochs": 3, "epoch_size": 50,
            "batch_size": 24, "hidden_dim": 64, "noise_dim": 16,
        },
        "shipped": {
            **_SCORED_FI, "num_epochs": 40, "epoch_size": 100, "batch_size": 48, "hidden_dim": 64,
            "noise_dim": 16, "num_components": 40,
        },
        "colab": {
            **_SCORED_FI, "num_epochs": 60, "epoch_size": 500, "batch_size": 256, "hidden_dim": 128,
            "noise_dim": 32, "num_components": 40, "ema_decay": 0.999,
        },
        "full": {},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse values that mean nothing, naming them."""
        positive = (
            "num_clips",
            "clip_frames",
            "num_epochs",
            "epoch_size",
            "batch_size",
            "learning_rate",
            "learning_rate_generator",
        )
        positive += ("noise_dim", "hidden_dim", "num_components", "d_update_epoch")
        positive += ("critic_width", "penalty_every", "num_candidates")
        not_negative = ("weight_moments", "weight_penalty", "weight_lm", "weight_recons", "weight_recovery")
        check_trained_pair(
            self, positive, (*not_negative, "weight_best", "weight_score", "weight_critic", "clip_norm")
        )
        if self.weight_score > 0 and self.num_candidates < 2:
            raise ValueError(f"weight_score needs num_candidates of at least 2, got {self.num_candidates}")
