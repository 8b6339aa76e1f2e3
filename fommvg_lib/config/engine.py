"""How a training run is watched and kept."""

from __future__ import annotations

from dataclasses import dataclass

from fommvg_lib.config.base import Config


@dataclass(frozen=True)
class EngineConfig(Config):
    """How a run is watched and kept. Only `num_parts` can change what is learned (by rounding, and by batch
    norms that see less at once); a resumed run must keep it."""

    log_every: int = 20
    """Steps between rows of losses.csv."""
    validate_every: int = 500
    """Steps between held-out figures; 0 for none before the end."""
    pictures_every: int = 500
    """Steps between sample pictures; 0 for none before the end."""
    checkpoint_every: int = 500
    """Steps between checkpoints; 0 for none but those by the clock and at the end."""
    checkpoint_minutes: float = 10.0
    """Minutes of wall time without a checkpoint after which one is saved; 0 for never."""
    keep_states: int = 2
    """How many checkpoints stay; the best one stays besides."""
    best_figure: str | None = None
    """Held-out figure that chooses the best checkpoint, smaller is better; None: the recipe's own."""
    num_parts: int = 1
    """Parts into which a process cuts its share of the batch (gradient accumulation): less memory."""
    compile: bool = False
    """Compile the networks with `torch.compile`: minutes at the start, faster steps on a GPU."""
    tf32: bool = True
    """Let float32 convolutions and products use TF32 on GPUs that have it; False: full float32."""
    time_steps: bool = False
    """Measure where a step's time goes."""
    stop_after: float | None = None
    """Minutes after which the run saves and ends, resumable; None for no limit."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in ("validate_every", "pictures_every", "checkpoint_every", "checkpoint_minutes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("log_every", "keep_states", "num_parts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
