"""The training loop: one for every recipe.

A recipe says what a step is; the engine repeats it and does what surrounds it, in this order: data, step,
finite check, log, validation, pictures, checkpoint, stop. The run folder is a weights folder that also holds
`state/` for resuming, `losses.csv`, `validation.csv` and `pictures/`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from fommvg_lib.config.base import Config
from fommvg_lib.files import InputError
from fommvg_lib.training.log import LossLog
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.state import has_state, restore_state, save_state
from fommvg_lib.video_io import write_image


@dataclass(frozen=True)
class EngineConfig(Config):
    """How a run is watched and kept; nothing here changes what is learned."""

    log_every: int = 20
    """Steps between rows of losses.csv."""
    validate_every: int = 500
    """Steps between held-out figures; 0 for none before the end."""
    pictures_every: int = 500
    """Steps between sample pictures; 0 for none before the end."""
    checkpoint_every: int = 500
    """Steps between saved states."""
    keep_states: int = 2
    """How many saved states stay."""
    stop_after: float | None = None
    """Minutes after which the run saves and ends, resumable; None for no limit."""


class NonFiniteLossError(RuntimeError):
    """A loss term became infinite or not a number: training stops rather than spoil the weights."""


@dataclass
class TrainingResult:
    """What `fit` gives back.

    Attributes:
        folder: the run folder.
        step: steps done in all.
        is_complete: whether the recipe's last step was reached.
        seconds: wall time of the run, earlier calls that it resumed included.
        losses: means of the last logged window.
        validation: held-out figures at the end.
        sha256: hash of the saved weights.
    """

    folder: Path
    step: int
    is_complete: bool
    seconds: float
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    sha256: str = ""


def fit(
    recipe: Recipe,
    folder: str | Path,
    settings: EngineConfig | None = None,
    resume: bool = False,
    info: dict[str, Any] | None = None,
    show_progress: bool | None = None,
) -> TrainingResult:
    """Train a recipe in a run folder.

    Args:
        recipe: what trains.
        folder: the run folder; made if absent.
        settings: cadence of logs, pictures and checkpoints.
        resume: continue from the newest saved state; a folder without one is started.
        info: what is noted in the weights' description (provenance).
        show_progress: a bar; None shows it on a terminal or in a notebook only.

    Returns:
        The result; the weights for use are in the run folder.

    Raises:
        InputError: if the folder holds a run and `resume` is off, or holds another run.
        NonFiniteLossError: naming the step and the term.
    """
    folder, settings = Path(folder), settings or EngineConfig()
    start = _open_run(folder, recipe, resume)
    log = LossLog(folder / "losses.csv", start)
    checks = LossLog(folder / "validation.csv", start)
    checks.seconds_before = log.seconds_before
    batches, losses = recipe.batches(start), {}
    began, step, validated_at = time.monotonic(), start, None
    hidden = None if show_progress is None else not show_progress
    bar = tqdm(total=recipe.num_steps, initial=start, desc=recipe.kind, unit="step", disable=hidden)
    with bar:
        while step < recipe.num_steps:
            terms = recipe.step(next(batches), step)
            step += 1
            _check_finite(terms, step, folder)
            log.add(terms)
            elapsed = time.monotonic() - began
            if _due(step, settings.log_every, recipe):
                losses = log.write(step, elapsed)
                bar.set_postfix_str(_brief(losses), refresh=False)
            bar.update()
            if _due(step, settings.validate_every, recipe):
                validation, validated_at = recipe.validate(step), step
                checks.add(validation)
                checks.write(step, elapsed)
            if _due(step, settings.pictures_every, recipe):
                _write_pictures(folder, recipe, step)
            if step < recipe.num_steps and _due(step, settings.checkpoint_every, recipe):
                _checkpoint(folder, recipe, step, settings, info)
            if settings.stop_after is not None and elapsed > 60 * settings.stop_after:
                break
    digest = _checkpoint(folder, recipe, step, settings, info)
    if validated_at != step:  # stopped early, or nothing was left to do
        validation = recipe.validate(step)
    seconds = log.seconds_before + time.monotonic() - began
    return TrainingResult(folder, step, step >= recipe.num_steps, seconds, losses, validation, digest)


def _open_run(folder: Path, recipe: Recipe, resume: bool) -> int:
    if has_state(folder) and not resume:
        raise InputError(f"{folder}: holds a run already; use --resume to go on with it or another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error})") from error
    return restore_state(folder, recipe) if resume else 0


def _checkpoint(
    folder: Path, recipe: Recipe, step: int, settings: EngineConfig, info: dict[str, Any] | None
) -> str:
    """Store the state for resuming and the weights for use, so that a killed run leaves both."""
    save_state(folder, recipe, step, settings.keep_states)
    return recipe.save(folder, {**(info or {}), "step": step})


def _due(step: int, every: int, recipe: Recipe) -> bool:
    return step == recipe.num_steps or (every > 0 and step % every == 0)


def _check_finite(terms: dict[str, Tensor], step: int, folder: Path) -> None:
    values = torch.stack([torch.as_tensor(value, dtype=torch.float32).cpu() for value in terms.values()])
    if not values.isfinite().all():
        bad = [name for name, value in zip(terms, values, strict=True) if not value.isfinite()]
        raise NonFiniteLossError(
            f"{folder}: {', '.join(bad)} became non-finite in step {step}; the last saved state is whole, "
            "resume from it with a lower learning rate"
        )


def _write_pictures(folder: Path, recipe: Recipe, step: int) -> None:
    for name, image in recipe.pictures(step).items():
        write_image(folder / "pictures" / f"{step:08d}-{name}.png", image)


def _brief(losses: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.3g}" for name, value in list(losses.items())[:4])


def default_device(name: str | None = None) -> torch.device:
    """Give the named device, or the best there is: cuda, mps, cpu.

    Raises:
        InputError: if the named device is not there.
    """
    if name in (None, "auto"):
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not available ({str(error).splitlines()[0]})") from error
    return device
