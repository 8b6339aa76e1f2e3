"""Whole files or none, and one kind of error for what a user hands us.

Every write of this library goes through `atomic_path` or `atomic_folder`: to a temporary name beside the
target, flushed, then renamed, so that a file that exists is whole (DESIGN section 7).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = "partial-"
"""Part of the temporary names."""
REPLACED = f".replaced.{PARTIAL}"
"""Part of the names of folders that hold what is being replaced."""


def _current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


UMASK = _current_umask()
"""Read once: it can only be read by setting it, which two threads at a time would leave at 0."""


class InputError(Exception):
    """The input or its use is at fault: one line naming the file and the reason, exit status 2."""


class RunError(Exception):
    """A run failed through no fault of its input: one line with the reason, exit status 1."""


def _prepare_parent(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error})") from error


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_WRITERS_WORDS = re.compile(r"\(os error (\d+)\)|requested and \d+ written|when writing image")
"""Safetensors, NumPy and Pillow say it in words only."""


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turn a full disk, of which libraries speak in many ways, into one line with the target."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        words = _WRITERS_WORDS.search(str(error))
        number = int(words[1]) if words and words[1] else getattr(error, "errno", None)
        if number not in _NO_ROOM and not (words and words[1] is None):
            raise
        reason = os.strerror(number) if number else "the disk takes no more"
        raise InputError(f"{target}: cannot be written ({reason})") from error


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path with the target's ending; rename it to `target` when the block ends well.

    Args:
        target: the file to be written; its folder is made if absent.

    Yields:
        A path in the same folder. It is removed if the block raises.

    Raises:
        InputError: if the folder cannot be written to, or the disk is full.
    """
    target = Path(target)
    _prepare_parent(target)
    if target.is_dir():
        raise InputError(f"{target}: is a folder, a file was to be written there")
    try:
        prefix = f".{target.stem}.{PARTIAL}"
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error})") from error
    os.close(handle)
    temporary = Path(name)
    try:
        with _told(target):
            yield temporary
            os.chmod(temporary, 0o666 & ~UMASK)
            _flush_to_disk(temporary)
            os.replace(temporary, target)
            _flush_to_disk(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: str | Path) -> Iterator[Path]:
    """Like `atomic_path` for a folder: an existing `target` is replaced only when the block ends well."""
    target = Path(target)
    _prepare_parent(target)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.{PARTIAL}", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error})") from error
    try:
        with _told(target):
            yield temporary
            os.chmod(temporary, 0o777 & ~UMASK)
            for path in [*temporary.rglob("*"), temporary]:
                _flush_to_disk(path)
            if target.exists():
                _replace_folder(temporary, target)
            else:
                os.replace(temporary, target)
            _flush_to_disk(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(new: Path, target: Path) -> None:
    """Put a folder in another's place; for a moment there is neither, see `remove_leftovers`."""
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}{REPLACED}", dir=target.parent))
    try:
        os.replace(target, aside / target.name)
        try:
            os.replace(new, target)
        except OSError:
            os.replace(aside / target.name, target)
            raise
    except OSError:
        if not any(aside.iterdir()):
            aside.rmdir()
        raise
    shutil.rmtree(aside)


def remove_leftovers_of(targets: Iterable[Path]) -> None:
    """Remove what a killed process began to write under these targets' names, and nothing else beside them.

    Other processes may be writing other targets in the same folders.
    """
    stems: dict[Path, set[str]] = {}
    for target in targets:
        stems.setdefault(target.parent, set()).add(target.stem)
    for folder, own in stems.items():
        for path in folder.glob(f".*.{PARTIAL}*") if folder.is_dir() else ():
            if path.name[1:].rsplit(f".{PARTIAL}", 1)[0] in own:
                path.unlink(missing_ok=True)


def remove_leftovers(folder: str | Path) -> None:
    """Remove what a killed process began to write in a folder; nobody else may be writing there.

    A folder that was moved aside, and whose successor did not come, is put back.
    """
    for path in Path(folder).glob(f".*{REPLACED}*"):
        for old in path.iterdir():
            if not (path.parent / old.name).exists():
                os.replace(old, path.parent / old.name)
    for path in Path(folder).glob(f".*.{PARTIAL}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: str | Path) -> str:
    """Give the hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
