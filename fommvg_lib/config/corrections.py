"""Corrections of the published VP and FI that can be taken back, or brought in, one at a time.

A form chooses all of them together; a field that is None means the form's own choice. This is what
`results/motion_ablation` compares.
"""

from __future__ import annotations

from typing import Any

FORMS = ("default", "legacy")

OWN = {
    "default": {"moments": "fixed", "start": "own", "critic_condition": "start", "critic_steps": "all"},
    "legacy": {
        "moments": "legacy", "start": "random", "critic_condition": "none", "critic_steps": "curriculum",
    },
}  # fmt: skip
"""What each form does by itself."""
CHOICES = {
    "moments": ("fixed", "legacy"),
    "start": ("own", "random"),
    "critic_condition": ("start", "none"),
    "critic_steps": ("all", "curriculum"),
}


class Corrections:
    """Mixin of the configs that have the fields of `CHOICES`."""

    def chosen(self, name: str) -> str:
        """Give the value of a correction: the field's, or the form's own where that is None."""
        value = getattr(self, name)
        return OWN[self.form][name] if value is None else value


def check_trained_pair(config: Any, positive: tuple[str, ...], not_negative: tuple[str, ...]) -> None:
    """Refuse values of VP's and FI's common fields that mean nothing.

    Raises:
        ValueError: naming the field and its value.
    """
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
    if not 0 <= config.beta1 < 1:
        raise ValueError(f"beta1 must be in [0, 1), got {config.beta1}")
    if not 0 <= config.ema_decay < 1:
        raise ValueError(f"ema_decay must be in [0, 1), got {config.ema_decay}")
    if not 0 < config.constant_share <= 1:
        raise ValueError(f"constant_share must be in (0, 1], got {config.constant_share}")
    if config.max_seq_len < 3:
        raise ValueError(f"max_seq_len must be at least 3, got {config.max_seq_len}")
    if not config.moment_lags or min(config.moment_lags) not in (0, 1):
        raise ValueError(f"moment_lags must begin at 0 or 1, got {config.moment_lags}")
    if any(not frames >= 0 for frames in config.noise_memory):
        raise ValueError(f"noise_memory must be times of at least 0 frames, got {config.noise_memory}")
    _check_corrections(config)


def _check_corrections(config: Any) -> None:
    for name, values in CHOICES.items():
        if getattr(config, name) not in (None, *values):
            raise ValueError(f"{name} must be {' or '.join(values)}, got {getattr(config, name)!r}")
    if config.form == "legacy" and not config.is_scaled:
        raise ValueError("is_scaled=False is of the default form; the legacy form never scales")
