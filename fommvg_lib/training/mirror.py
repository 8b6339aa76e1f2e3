"""A second copy of a run folder, kept in the background: for a drive that outlives the machine.

Every file and checkpoint is copied aside and renamed, the checkpoints first; a copy that fails is tried again
with the next checkpoint and never stops the training.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

from fommvg_lib.files import InputError, atomic_folder, atomic_path
from fommvg_lib.training.state import STATE, stored_states


class Mirror:
    """Copies a run folder when asked to, in a thread of its own.

    Args:
        folder: the run folder.
        target: the copy; made if absent.

    Raises:
        InputError: if the target cannot be made.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder, self.target = folder, target
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target}: cannot be made ({error.strerror or error})") from error
        self._wanted, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None
        self._said: set[str] = set()

    def fetch(self) -> None:
        """Copy the run back, if the copy is further than the run folder (a new machine has none)."""
        theirs, ours = stored_states(self.target), stored_states(self.folder)
        if not theirs or (ours and ours[-1].name >= theirs[-1].name):
            return
        copy_run(self.target, self.folder)

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
            try:
                copy_run(self.folder, self.target)
            except (OSError, InputError) as error:
                self._say(str(error))
            if is_last:
                return

    def _say(self, reason: str) -> None:
        """Say a reason once: the next copy may go well."""
        if reason not in self._said:
            self._said.add(reason)
            print(f"mirror {self.target}: not up to date ({reason})", file=sys.stderr)


def copy_run(folder: Path, target: Path) -> None:
    """Bring the copy of a run folder up to date.

    Args:
        folder: what is copied; it may change meanwhile.
        target: the copy.

    Raises:
        OSError: if something cannot be read or written; what was copied is whole.
    """
    ours = stored_states(folder)
    for path in ours:
        copied = target / STATE / path.name
        if not copied.is_dir():
            with atomic_folder(copied) as temporary:
                for file in sorted(path.iterdir()):
                    shutil.copyfile(file, temporary / file.name)
    names = {path.name for path in ours}
    for path in stored_states(target):
        if path.name not in names:
            shutil.rmtree(path, ignore_errors=True)
    for file in sorted(_files(folder)):
        copied = target / file.relative_to(folder)
        if not _is_same(file, copied):
            with atomic_path(copied) as temporary:
                shutil.copy2(file, temporary)
                shutil.copystat(file, temporary)


def _files(folder: Path) -> list[Path]:
    """List all whole files but the checkpoints'."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in found
        if path.relative_to(folder).parts[0] != STATE
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_same(file: Path, copied: Path) -> bool:
    if not copied.is_file():
        return False
    ours, theirs = file.stat(), copied.stat()
    return ours.st_size == theirs.st_size and int(ours.st_mtime) <= int(theirs.st_mtime)
