"""Where a zip file's directory lies: at one place only, so that whoever reads the file reads the same one.

Python looks for the directory right before the file's end record, torch where that record says it is. A file
in which the two differ shows one content to a check and another to torch.
"""

from __future__ import annotations

import struct
from pathlib import Path

from fommvg_lib.published_files.plain_pickle import Refused

_END = struct.Struct("<4s4H2LH")
"""End record: signature, disks, entries, directory's size and place, length of a comment."""
_LOCATOR = struct.Struct("<4sLQL")
"""Says where the 64-bit end record lies."""
_END_64 = struct.Struct("<4sQ2H2L4Q")
"""64-bit end record; its last two numbers are the directory's size and place."""


def check_directory(path: Path, size: int, found: int) -> None:
    """Check that a zip file's directory is the one right before its end records.

    Args:
        path: the file.
        size: of it, in bytes.
        found: where Python's reader found the directory, in bytes from the file's begin.

    Raises:
        Refused: if the end records say otherwise, or a comment follows them.
    """
    length = _LOCATOR.size + _END_64.size + _END.size
    with path.open("rb") as stream:
        stream.seek(max(0, size - length))
        tail = stream.read(length).rjust(length, b"\0")
    signature, *_, directory, start, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\5\6" or comment:
        raise Refused("is no torch file: its zip directory is not where torch writes it")
    end = size - _END.size
    locator = _LOCATOR.unpack(tail[_END_64.size : -_END.size])
    if locator[0] == b"PK\6\7":
        end -= _LOCATOR.size + _END_64.size
        *rest, directory, start = _END_64.unpack(tail[: _END_64.size])
        if rest[0] != b"PK\6\6" or locator[2] != end:
            raise Refused("is no torch file: its zip directory is not where torch writes it")
    if start + directory != end or found != start:
        raise Refused("is no torch file: it holds more than one zip directory")
