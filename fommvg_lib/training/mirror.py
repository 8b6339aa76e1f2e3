"""A second copy of a run folder, kept in the background: for a drive that outlives the machine.

Files and checkpoints are copied aside and renamed, a checkpoint after the logs that lead up to it. A copy
that fails is tried again with the next checkpoint and never stops the training.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

from fommvg_lib.files import InputError, atomic_folder, atomic_path, remove_leftovers
from fommvg_lib.training.state import STATE, stored_states


class Mirror:
    """Copies a run folder when asked to, in a thread of its own.

    Args:
        folder: the run folder.
        target: the copy; made if absent.

    Raises:
        InputError: if the target cannot be made, or is a part of the run folder.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder, self.target = folder, target
        if target.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{target}: lies in the run folder, a mirror must lie elsewhere")
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target}: cannot be made ({error.strerror or error})") from error
        self._wanted, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None
        self._copied: dict[Path, tuple[int, int]] = {}
        self._said: set[str] = set()

    def check_empty(self) -> None:
        """Refuse to write a new run over the copy of another.

        Raises:
            InputError: if there is one.
        """
        if stored_states(self.target):
            raise InputError(
                f"{self.target}: holds the copy of a run already; use --resume to go on with it "
                "or another folder"
            )

    def fetch(self) -> None:
        """Copy the run back, if the copy is further than the run folder (a new machine has none).

        Raises:
            OSError: if something cannot be read or written; then the newest checkpoint has not come.
        """
        theirs, ours = stored_states(self.target), stored_states(self.folder)
        if not theirs or (ours and ours[-1].name >= theirs[-1].name):
            return
        _copy_files(self.target, self.folder, {})
        for path in theirs:
            _copy_state(path, self.folder / STATE / path.name)

    def request(self) -> None:
        """Ask for a copy; returns at once. Several requests during one copy make one more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="mirror", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Wait until the last copy that was asked for is done."""
        if self._thread is not None:
            self._closing = True
            self._wanted.set()
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            is_last = self._closing
            self.copy_now()
            if is_last:
                return

    def copy_now(self) -> None:
        """Bring the copy up to date, or say why it is not."""
        try:
            self._copy()
        except (OSError, InputError) as error:
            self._say(error)

    def _copy(self) -> None:
        """Copy what is new; the run goes on meanwhile and may drop old checkpoints."""
        if not self._copied:  # an earlier process may have died while it copied
            for folder in [self.target, *(path for path in self.target.iterdir() if path.is_dir())]:
                remove_leftovers(folder)
        _copy_files(self.folder, self.target, self._copied)
        for path in reversed(stored_states(self.folder)):
            _copy_state(path, self.target / STATE / path.name)
        kept = {path.name for path in stored_states(self.folder)}
        for path in stored_states(self.target):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _say(self, error: Exception) -> None:
        """Say a reason once, whichever file it met: the next copy may go well."""
        cause = error.__cause__ if isinstance(error, InputError) else error
        reason = getattr(cause, "strerror", None) or str(error)
        if reason not in self._said:
            self._said.add(reason)
            print(f"mirror {self.target}: not up to date ({reason}); training goes on", file=sys.stderr)


def _copy_files(folder: Path, target: Path, known: dict[Path, tuple[int, int]]) -> None:
    """Copy all files but the checkpoints' that changed.

    Args:
        folder: what is copied; it may change meanwhile.
        target: the copy.
        known: size and time of each file when it was copied last, filled in. Those of the copy may not tell:
            weights have one size, and a drive may round times.
    """
    for file in sorted(_files(folder)):
        copied, about = target / file.relative_to(folder), _about(file)
        if not copied.is_file() or known.get(file, _about(copied)) != about:
            with atomic_path(copied) as temporary:
                shutil.copy2(file, temporary)
        known[file] = about


def _copy_state(path: Path, copied: Path) -> None:
    """Copy a checkpoint that is not there yet; one that was dropped meanwhile has a newer one copied."""
    if copied.is_dir():
        return
    try:
        with atomic_folder(copied) as temporary:
            for file in sorted(path.iterdir()):
                shutil.copyfile(file, temporary / file.name)
    except FileNotFoundError:
        if path.is_dir():
            raise


def _files(folder: Path) -> list[Path]:
    """List all whole files but the checkpoints'."""
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if parts[0] != STATE and not any(part.startswith(".") for part in parts) and path.is_file():
            found.append(path)
    return found


def _about(file: Path) -> tuple[int, int]:
    """Give size and time of a file."""
    about = file.stat()
    return about.st_size, about.st_mtime_ns
