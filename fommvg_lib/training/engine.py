"""The training loop: one for every recipe.

A recipe says what a step is; the engine repeats it and does what surrounds it, in this order: data, step,
log, validation, pictures, checkpoint, stop. The run folder is a weights folder that also holds `state/` for
resuming, `best/` (the weights of the best validation), `losses.csv`, `validation.csv` and `pictures/`.

A run that was killed at any moment and is resumed ends with the same weights, bit for bit on a CPU with the
same number of threads and processes; with other numbers, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from fommvg_lib.config.engine import EngineConfig
from fommvg_lib.files import InputError
from fommvg_lib.precision import tensor_float_32
from fommvg_lib.training.cadence import Cadence, Due
from fommvg_lib.training.clock import StepClock
from fommvg_lib.training.memory import keep_freed_memory
from fommvg_lib.training.processes import Processes, local_device_index
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.run_folder import RunFolder
from fommvg_lib.training.update import NonFiniteError, Updater

__all__ = ["EngineConfig", "NonFiniteError", "TrainingResult", "default_device", "fit"]


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
        times: milliseconds a step by part, if they were measured.
    """

    folder: Path
    step: int
    is_complete: bool
    seconds: float
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    sha256: str = ""
    times: dict[str, float] = field(default_factory=dict)


def fit(
    recipe: Recipe,
    folder: str | Path,
    settings: EngineConfig | None = None,
    resume: bool = False,
    info: dict[str, Any] | None = None,
    show_progress: bool | None = None,
    mirror: str | Path | None = None,
    on_log: Callable[[Path], None] | None = None,
) -> TrainingResult:
    """Train a recipe in a run folder.

    Args:
        recipe: what trains.
        folder: the run folder; made if absent.
        settings: cadence of logs, pictures and checkpoints.
        resume: continue from the newest checkpoint; an absent or empty run is started.
        info: what is noted in the weights' description (provenance).
        show_progress: a bar; None shows it on a terminal or in a notebook only.
        mirror: a second folder (say on a mounted drive) to which all is copied in the background, and from
            which a lost run is fetched.
        on_log: called with the run folder after each row of `losses.csv`.

    Returns:
        The result; the weights for use are in the run folder.

    Raises:
        InputError: if the folder holds a run and `resume` is off, or holds another run, or the batch cannot
            be shared among the processes.
        NonFiniteError: naming the step and the term; the batch is kept in `non_finite/`.
        RunError: if a checkpoint cannot be saved.
    """
    settings = settings or EngineConfig()
    processes = Processes(recipe.device)
    if recipe.device.type == "cpu":
        keep_freed_memory()
    _check_shares(recipe, settings, processes)
    _prepare_networks(recipe, settings, processes)
    clock = StepClock(recipe.device, settings.time_steps)
    update = Updater(recipe, processes, settings.num_parts, clock)
    with ExitStack() as stack:
        run = stack.enter_context(RunFolder(Path(folder), recipe, settings, processes, info or {}, mirror))
        step = run.open(resume)
        cadence = stack.enter_context(Cadence(settings, recipe.num_steps, processes))
        stack.enter_context(tensor_float_32(settings.tf32))
        bar = stack.enter_context(_progress_bar(recipe, step, show_progress if processes.is_main else False))
        batches = recipe.batches(step, processes.share)
        due = Due.nothing(stop=step >= recipe.num_steps)
        while not due.stop:
            clock.next_step()
            with clock.part("data"):
                batch = next(batches)
            try:
                terms = update(batch, step)
            except NonFiniteError as error:
                raise run.keep_failure(error) from error
            step += 1
            due = cadence.after(step)
            run.add(terms)
            if due.log:
                run.write_log(step, cadence.seconds)
                bar.set_postfix_str(_brief(run.losses), refresh=False)
                if on_log and processes.is_main:
                    on_log(run.folder)
            bar.update()
            is_best = due.validation and run.validate(step, cadence.seconds)
            if due.pictures:
                run.write_pictures(step)
            if due.checkpoint or is_best:
                run.save(step)
        run.finish(step)
        seconds = run.seconds_before + cadence.seconds
    is_complete = step >= recipe.num_steps
    return TrainingResult(
        run.folder, step, is_complete, seconds, run.losses, run.validation, run.sha256, clock.table()
    )


def _check_shares(recipe: Recipe, settings: EngineConfig, processes: Processes) -> None:
    parts = processes.count * settings.num_parts
    if recipe.batch_size % parts:
        raise InputError(
            f"batch_size={recipe.batch_size} cannot be divided among {processes.count} processes "
            f"with {settings.num_parts} parts each"
        )


def _prepare_networks(recipe: Recipe, settings: EngineConfig, processes: Processes) -> None:
    """Share batch norms' statistics and compile, both in place."""
    for name, network in recipe.networks.items():
        recipe.networks[name] = processes.synchronised(network)
    if settings.compile:
        torch._dynamo.config.allow_rnn = True  # it would leave recurrent networks out
        for module in recipe.compiled_modules():
            module.compile()


def _progress_bar(recipe: Recipe, step: int, show: bool | None) -> tqdm:
    hidden = None if show is None else not show
    return tqdm(total=recipe.num_steps, initial=step, desc=recipe.kind, unit="step", disable=hidden)


def _brief(losses: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.3g}" for name, value in list(losses.items())[:4])


def default_device(name: str | None = None) -> torch.device:
    """Give the named device, or the best there is: cuda (each process its own GPU), mps, cpu.

    Raises:
        InputError: if the named device is not there.
    """
    if name in (None, "auto", "cuda"):
        if torch.cuda.is_available():
            return torch.device("cuda", local_device_index())
        if name != "cuda":
            return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not available ({str(error).splitlines()[0]})") from error
    return device
