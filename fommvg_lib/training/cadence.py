"""What follows after a step: log, validation, pictures, checkpoint, stop; the same in every process."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from fommvg_lib.config.engine import EngineConfig
from fommvg_lib.training.processes import Processes


@dataclass(frozen=True)
class Due:
    """What follows after a step."""

    log: bool
    validation: bool
    pictures: bool
    checkpoint: bool
    stop: bool

    @classmethod
    def nothing(cls, stop: bool) -> Due:
        """Before the first step nothing is due, unless the run is at its end already."""
        return cls(False, False, False, False, stop)


class Cadence:
    """Decides what follows after each step; also listens for SIGTERM while it is entered.

    Args:
        settings: the intervals.
        num_steps: where the run ends.
        processes: they must agree, as clocks and signals differ.
    """

    def __init__(self, settings: EngineConfig, num_steps: int, processes: Processes) -> None:
        self._settings, self._num_steps, self._processes = settings, num_steps, processes
        self._began = self._saved = time.monotonic()
        self._is_asked_to_stop = False
        self._handler_before: Any = None

    def __enter__(self) -> Self:
        """Take SIGTERM as the wish to save and end; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGTERM, self._ask_to_stop)
        return self

    def __exit__(self, *error: object) -> None:
        """Give SIGTERM back to whoever had it."""
        if self._handler_before is not None:
            signal.signal(signal.SIGTERM, self._handler_before)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._is_asked_to_stop = True

    @property
    def seconds(self) -> float:
        """Give the wall time since the start of this call."""
        return time.monotonic() - self._began

    def after(self, step: int) -> Due:
        """Say what follows when `step` steps are done."""
        settings, now = self._settings, time.monotonic()
        is_late = 0 < 60 * settings.checkpoint_minutes < now - self._saved
        limit = settings.stop_after
        is_over = limit is not None and now - self._began > 60 * limit
        is_late, stops = self._processes.any(is_late, self._is_asked_to_stop or is_over)
        ends = step >= self._num_steps
        checkpoint = is_late or stops or ends or _every(step, settings.checkpoint_every)
        if checkpoint:
            self._saved = now
        return Due(
            log=ends or stops or _every(step, settings.log_every),
            validation=ends or _every(step, settings.validate_every),
            pictures=ends or _every(step, settings.pictures_every),
            checkpoint=checkpoint,
            stop=ends or stops,
        )


def _every(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
