"""Published files into the user's folder: sources in turn, checked, whole or not at all.

A file that the user put there by hand counts as fetched. Where no hash is publicly known, that of the first
fetch is recorded beside the file and holds from then on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from fommvg_lib.files import InputError, RunError, sha256, write_text
from fommvg_lib.weights import cache_folder
from fommvg_lib.weights.drive import fetch_drive
from fommvg_lib.weights.registry import Entry, PublishedFile
from fommvg_lib.weights.transfer import SourceError, fetch_http, read_json

YANDEX_API = "https://cloud-api.yandex.net/v1/disk/public/resources/download?public_key="


class NoSource(RunError):
    """No source gave a file.

    Attributes:
        reasons: each source's, in a few words.
    """

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


def place_of(entry: Entry, file: PublishedFile) -> Path:
    """Give where a published file lies once it is fetched, or put there by hand."""
    return cache_folder() / "downloads" / entry.name / file.name


def fetch(entry: Entry, file: PublishedFile, show_progress: bool = False) -> Path:
    """Give a published file, fetched if it is not there.

    Args:
        entry: whose file it is.
        file: the file.
        show_progress: show a bar.

    Raises:
        InputError: if the file that is there is another.
        NoSource: if no source gave it, with each one's reason and the place to put it by hand.
        RunError: if another process is fetching it.
    """
    path = place_of(entry, file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written ({error.strerror or error})") from error
    reasons = []
    with _alone(path.parent):
        if path.is_file():
            problem = _check(file, path, path)
            if problem:
                raise InputError(f"{path}: {problem}; remove it to fetch it anew")
            return path
        for source in file.sources:
            try:
                _fetch_from(source, file, path, show_progress)
                return path
            except SourceError as error:
                reasons.append(f"{_host(source)}: {error}")
    reasons = reasons or ["none is known"]
    raise NoSource(
        f"{entry.name}: no source gave {file.name} ({'; '.join(reasons)}); fetch it with a browser from "
        f"{file.page}, put it at {path} and run this again",
        reasons,
    )


def _fetch_from(source: str, file: PublishedFile, path: Path, show_progress: bool) -> None:
    """Bring the file from one source, check it, and only then give it its name."""
    part = path.with_name(path.name + ".part")
    kind, _, address = source.partition(":")
    if kind in ("drive", "drive-folder"):
        fetch_drive(kind == "drive-folder", address, file.name, part, show_progress)
    else:
        fetch_http(_yandex_address(address) if kind == "yandex" else source, part, show_progress)
    problem = _check(file, part, path)
    if problem:
        _remove_part(part)
        raise SourceError(f"what came {problem}")
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(part, path)
    _remove_part(part)


def _check(file: PublishedFile, found: Path, path: Path) -> str | None:
    """Compare a file with the registry, else with its first fetch, whose hash is recorded."""
    problem = file.difference(found)
    if problem or file.sha256 or file.md5:
        return problem
    record = path.with_name(path.name + ".sha256")
    digest = sha256(found)
    if not record.is_file():
        write_text(record, f"{digest}  {path.name}\n")
        return None
    first = record.read_text(encoding="utf-8").split()[:1]
    if first != [digest]:
        return f"has sha256 {digest[:12]}, at the first fetch it was {''.join(first)[:12]} ({record})"
    return None


def forget_hash(path: Path) -> None:
    """Take back the hash of a first fetch: the file turned out to be none that it could hold for."""
    path.with_name(path.name + ".sha256").unlink(missing_ok=True)


def _remove_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".json").unlink(missing_ok=True)
    shutil.rmtree(part.with_name(part.name + "s"), ignore_errors=True)  # what gdown began, if another ended


def _host(source: str) -> str:
    kind, _, address = source.partition(":")
    return {"drive": "Google Drive", "drive-folder": "Google Drive folder", "yandex": "Yandex Disk"}.get(
        kind, address.removeprefix("//").split("/")[0]
    )


def _yandex_address(share: str) -> str:
    answer = read_json(YANDEX_API + quote(share, safe=""))
    address = answer.get("href") if isinstance(answer, dict) else None
    if not isinstance(address, str) or not address.startswith("https://"):
        raise SourceError("the share names no file")
    return address


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second process from writing the same file at the same time."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise RunError(f"{folder}: another process is fetching the same file") from error
    finally:
        os.close(handle)
