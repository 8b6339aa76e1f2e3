"""The folder of a run: logs, pictures, checkpoints and weights. Only the first process writes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from safetensors.torch import save_file
from torch import Tensor

from fommvg_lib.config.engine import EngineConfig
from fommvg_lib.files import InputError, atomic_path, remove_leftovers
from fommvg_lib.training.log import CsvLog, Means, TensorBoardLog
from fommvg_lib.training.mirror import Mirror
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.state import (
    STATE,
    Progress,
    check_same_run,
    restore_state,
    save_state,
    stored_states,
    tidy_states,
    told,
)
from fommvg_lib.training.update import NonFiniteError
from fommvg_lib.video_io import write_image

GRADIENT = "grad_norm_"


class RunFolder:
    """What the engine writes and reads of a run.

    Args:
        folder: the run folder.
        recipe: what trains.
        settings: what is kept of it.
        processes: this process and its fellows.
        info: provenance, noted in the weights' description.
        mirror: a second folder, or None.

    Attributes:
        losses: means of the last logged window.
        validation: the last held-out figures.
        sha256: hash of the weights saved last.
        seconds_before: wall time of earlier calls.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        settings: EngineConfig,
        processes: Processes,
        info: dict[str, Any],
        mirror: str | Path | None = None,
    ) -> None:
        self.folder, self.recipe, self.settings = folder, recipe, settings
        self.processes, self.info = processes, info
        self.losses: dict[str, float] = {}
        self.validation: dict[str, float] = {}
        self.sha256 = ""
        self.seconds_before = 0.0
        self._progress, self._means = Progress(), Means()
        self._kept = {"num_parts": settings.num_parts}
        self._validated_at = -1
        self._logs: dict[str, CsvLog] = {}
        self._events: TensorBoardLog | None = None
        is_mirrored = mirror is not None and processes.is_main
        self._mirror = Mirror(folder, Path(mirror)) if is_mirrored else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the logs; wait until the mirror is whole."""
        if self._events:
            self._events.close()
        if self._mirror:
            self._mirror.close()

    def open(self, resume: bool) -> int:
        """Prepare the folder and load the newest checkpoint, if the run is to be resumed.

        Returns:
            Steps done.

        Raises:
            InputError: if there is a run and `resume` is off, or it is another run, or no checkpoint can be
                read, or the figure that is to choose the best is none that the recipe gives.
        """
        if not resume and stored_states(self.folder):
            raise InputError(
                f"{self.folder}: holds a run already; use --resume to go on with it or another folder"
            )
        if self.processes.is_main:
            self._prepare(resume)
        self.processes.wait()
        if resume:
            self._progress, damage = restore_state(self.folder, self.recipe, self._kept)
            if self.processes.is_main and damage:
                print("\n".join(damage), file=sys.stderr)
        self._check_best_figure()
        if not self._progress.step and (self.folder / "weights.safetensors").exists():
            raise InputError(f"{self.folder}: holds weights but no checkpoint; use another folder")
        self.processes.wait()
        if self.processes.is_main:
            with told(self.folder, self.folder):
                tidy_states(self.folder, self._progress, self.settings.keep_states)
                self._open_logs()
                if self._progress.step:  # a kill may have come between a checkpoint and its weights
                    self.sha256 = self._save_weights(self._progress.step)
                    self._ask_mirror()
        return self._progress.step

    def _prepare(self, resume: bool) -> None:
        if self._mirror and resume:
            check_same_run(self._mirror.target, self.recipe, self._kept)
            with told(self.folder, self.folder):
                self._mirror.fetch()
        elif self._mirror:
            self._mirror.check_empty()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made ({error.strerror or error})") from error
        for folder in (self.folder, self.folder / STATE, self.folder / "best", self.folder / "pictures"):
            remove_leftovers(folder)

    def _check_best_figure(self) -> None:
        """Try a figure that the user named; the recipe's own needs no trial, which takes time."""
        name = self.settings.best_figure
        if name is None:
            return
        figures = self.recipe.validate(self._progress.step)
        if name not in figures:
            raise InputError(f"best_figure {name!r} is none of {', '.join(figures)}")

    def _open_logs(self) -> None:
        step = self._progress.step
        names = ("losses", "gradients", "validation")
        self._logs = {name: CsvLog(self.folder / f"{name}.csv", step) for name in names}
        self._events = TensorBoardLog(self.folder / "events", step)
        self.seconds_before = max(log.seconds_before for log in self._logs.values())

    def add(self, terms: dict[str, Tensor]) -> None:
        """Take the terms of a step."""
        self._means.add(terms)

    def write_log(self, step: int, seconds: float) -> None:
        """Write the means since the last row."""
        names, means = self._means.take()
        values = dict(zip(names, means.tolist(), strict=True))
        self.losses = {name: value for name, value in values.items() if not name.startswith(GRADIENT)}
        gradients = {
            name.removeprefix(GRADIENT): v for name, v in values.items() if name.startswith(GRADIENT)
        }
        gradients["rate_factor"] = self.recipe.learning_rate_factor(step - 1)
        self._write("losses", step, seconds, self.losses)
        self._write("gradients", step, seconds, gradients)

    def _write(self, name: str, step: int, seconds: float, values: dict[str, float]) -> None:
        if self.processes.is_main:
            with told(self.folder, self.folder / f"{name}.csv"):
                self._logs[name].write(step, self.seconds_before + seconds, values)
                self._events.write(name, step, values)

    def validate(self, step: int, seconds: float) -> bool:
        """Write held-out figures, and the weights in `best/` if they are better than all before.

        Returns:
            Whether they are: then a checkpoint is due.
        """
        if not self.processes.is_main:
            return False
        self.validation, self._validated_at = self.recipe.validate(step), step
        self._write("validation", step, seconds, self.validation)
        name = self.settings.best_figure or self.recipe.best_figure
        if name is None:
            return False
        value = self.validation[name]
        is_best = value < self._progress.best.get(name, (0, float("inf")))[1]
        if is_best:
            self._progress.best = {name: (step, value)}
            with told(self.folder, self.folder / "best"):
                self.recipe.save(self.folder / "best", {**self.info, "step": step, name: value})
        return is_best

    def write_pictures(self, step: int) -> None:
        """Write sample pictures."""
        if not self.processes.is_main:
            return
        for name, image in self.recipe.pictures(step).items():
            path = self.folder / "pictures" / f"{step:08d}-{name}.png"
            with told(self.folder, path):
                write_image(path, image)

    def save(self, step: int) -> None:
        """Store the checkpoint for resuming and the weights for use, so that a killed run leaves both."""
        if not self.processes.is_main or (self._progress.step == step and self.sha256):
            return
        self._progress.step = step
        save_state(self.folder, self.recipe, self._progress, self._kept, self.settings.keep_states)
        with told(self.folder, self.folder / "weights.safetensors"):
            self.sha256 = self._save_weights(step)
        self._ask_mirror()

    def _ask_mirror(self) -> None:
        if self._mirror:
            self._mirror.request()

    def _save_weights(self, step: int) -> str:
        return self.recipe.save(self.folder, {**self.info, "step": step})

    def _stored_step(self) -> int | None:
        stored = stored_states(self.folder)
        return int(stored[-1].name) if stored else None

    def finish(self, step: int) -> None:
        """Give held-out figures of the last step, if it was not validated."""
        if not self.processes.is_main:
            return
        if self._validated_at != step:  # stopped early, or nothing was left to do
            self.validation = self.recipe.validate(step)

    def keep_failure(self, error: NonFiniteError) -> NonFiniteError:
        """Keep the batch that made a value non-finite; give the error to raise."""
        path = self.folder / "non_finite" / f"{error.step:08d}-{self.processes.share.index}.safetensors"
        tensors = {
            name: value.detach().cpu().contiguous()
            for name, value in error.batch.items()
            if isinstance(value, Tensor)
        }
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {name: str(value) for name, value in error.terms.items()})
        stored = self._stored_step()
        where = f"the checkpoint after step {stored} is whole" if stored else "there is no checkpoint yet"
        error.args = (
            f"{self.folder}: {error}; the batch is in {path}; {where}, "
            "try a lower learning rate or precision=fp32",
        )
        return error
