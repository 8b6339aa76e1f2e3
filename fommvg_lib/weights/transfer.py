"""A file over HTTP, resumed where it broke off: bytes gather in a `.part` file beside the target.

Resuming asks for the rest only if the file is still the one that was begun (`If-Range`); whatever the server
answers decides: the rest is appended, a whole file starts anew.
"""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from fommvg_lib.files import write_text
from fommvg_lib.published_files.forms import HEAD, web_page_title

CHUNK = 2**20
TIMEOUT_S = 30
ATTEMPTS = 4
"""Tries of one address; only a try that brought something is followed by another."""
SPARE_BYTES = 2**26


class SourceError(Exception):
    """A source did not give the file: a few words for the user."""


class _StaysEncrypted(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to an address anybody on the way can change."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise SourceError("sends on to an address that is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_StaysEncrypted)


def fetch_http(url: str, part: Path, show_progress: bool = False) -> None:
    """Bring a file to `part`, or what is missing of it.

    Args:
        url: https or http.
        part: where the bytes gather; kept if the connection breaks.
        show_progress: show a bar.

    Raises:
        SourceError: if the address does not answer with the whole file.
    """
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            if _continue(url, part, show_progress):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise SourceError(_what_status(error.code)) from error
        except urllib.error.URLError as error:
            raise SourceError(f"no connection ({_reason(error.reason)})") from error
        except (OSError, http.client.HTTPException) as error:
            if _size(part) <= before:
                raise SourceError(f"the connection broke ({_reason(error)})") from error
        if _size(part) <= before:
            break
    got = f"{_size(part) / 1e6:.1f} MB"
    raise SourceError(f"the connection broke after {got}; the next run goes on from there")


def read_json(url: str) -> Any:
    """Give a small JSON answer.

    Raises:
        SourceError: if there is none.
    """
    try:
        with _OPENER.open(url, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read(CHUNK))
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(_what_status(error.code)) from error
    except urllib.error.URLError as error:
        raise SourceError(f"no connection ({_reason(error.reason)})") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SourceError(f"no answer ({_reason(error)})") from error


def _continue(url: str, part: Path, show_progress: bool) -> bool:
    """Ask for what is missing and write it; True if the file is whole then."""
    notes = part.with_name(part.name + ".json")
    begun = _read_notes(notes) if part.exists() else {}
    have = _size(part) if begun.get("url") == url and begun.get("validator") else 0
    headers = {"User-Agent": "fommvg", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": begun["validator"]}
    try:
        answer = _OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if begun.get("total") == have:
            return True
        part.unlink()  # more is here than there: begun anew
        return _continue(url, part, show_progress)
    with answer:
        have, total = _where(answer, have)
        if have == 0:
            part.unlink(missing_ok=True)  # before the notes change: they must never speak of older bytes
            validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            if validator and validator.startswith("W/"):
                validator = None  # weak: says nothing about bytes
            write_text(notes, json.dumps({"url": url, "validator": validator, "total": total}))
        return _write(answer, part, have, total, show_progress)


def _where(answer: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Give where the answer's bytes belong and how many the whole file has; refuse a web page."""
    length = answer.headers.get("Content-Length")
    length = int(length) if length and length.isdigit() else None
    if answer.status == 206:
        begin, _, total = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("/")
        if begin.split("-")[0] == str(have):
            return have, int(total) if total.isdigit() else None
        raise SourceError("the server sent another part than was asked for")
    if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise SourceError(_what_page(answer.read(HEAD)))
    return 0, length


def _write(
    answer: http.client.HTTPResponse, part: Path, have: int, total: int | None, show_progress: bool
) -> bool:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have + SPARE_BYTES > free:
        raise SourceError(f"needs {(total - have) / 1e6:.0f} MB of disk, {free / 1e6:.0f} MB are free")
    bar = tqdm(
        total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=not show_progress
    )
    with bar, part.open("r+b" if have else "wb") as stream:
        stream.seek(have)
        while chunk := answer.read(CHUNK):
            if have == 0 and web_page_title(chunk[:HEAD]) is not None:
                raise SourceError(_what_page(chunk[:HEAD]))
            try:
                stream.write(chunk)
            except OSError as error:
                raise SourceError(f"{part} cannot be written ({error.strerror or error})") from error
            have += len(chunk)
            bar.update(len(chunk))
    return total is None or have == total


def _read_notes(path: Path) -> dict[str, Any]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # without notes the file is begun anew
    return notes if isinstance(notes, dict) else {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _what_status(code: int) -> str:
    known = {
        401: "a login is asked for", 403: "refused: no access, or a quota is used up", 404: "not found",
        410: "not there any more", 429: "too many requests: a quota is used up",
    }  # fmt: skip
    return f"{known.get(code, 'the server failed')} ({code})"


def _what_page(head: bytes) -> str:
    title = web_page_title(head)
    named = f' ("{title}")' if title else ""
    return f"answered with a web page{named}: a login, or a quota is used up"


def _reason(error: object) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__
