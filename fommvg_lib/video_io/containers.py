"""Is a video file whole? What its own structure declares against the bytes that are there.

Demuxers read a file that was cut off up to its last byte and then report a normal end. These walks read a
few bytes per block and find the cut without decoding: ISO base media (mp4, mov), Matroska (mkv, webm), RIFF
(avi), GIF and MPEG program streams. Other formats declare nothing; there the decoder's own errors must do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_EBML_SIZE = (1 << 56) - 1


def find_cut(path: Path) -> str | None:
    """Say in a few words why the file is incomplete, or give None if nothing in its structure says so.

    Args:
        path: an existing file of any kind.
    """
    size = path.stat().st_size
    if size == 0:
        return "is empty (0 bytes)"
    with path.open("rb") as stream:
        walk = _walk_for(stream.read(12))
        if walk is None:
            return None
        stream.seek(0)
        try:
            return walk(stream, size)
        except (OSError, OverflowError) as error:  # a length that no file can have
            return f"is damaged: its structure cannot be followed ({getattr(error, 'strerror', error)})"


def _walk_for(head: bytes) -> Callable[[BinaryIO, int], str | None] | None:
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _walk_boxes
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _walk_ebml
    if head[:4] == b"RIFF":
        return _walk_riff
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _walk_gif
    if head[:4] == b"\x00\x00\x01\xba":
        return _walk_program_stream
    return None


def _cut(declared: int, size: int) -> str:
    return f"is cut off: it has {size} bytes, {declared} are declared"


def _walk_boxes(stream: BinaryIO, size: int) -> str | None:
    offset, kinds = 0, set()
    while offset + 8 <= size:
        stream.seek(offset)
        head = stream.read(16)
        length = int.from_bytes(head[:4])
        if length == 1:  # the length stands in 64 bits after the kind
            length = int.from_bytes(head[8:16])
        elif length == 0:  # the last box reaches to the end of the file
            length = size - offset
        if length < 8 or not head[4:8].isascii() or not head[4:8].strip().isalnum():
            break  # padding or rubbish behind the last box; players ignore it
        kinds.add(head[4:8])
        if offset + length > size:
            return _cut(offset + length, size)
        offset += length
    if b"moov" not in kinds:
        return "is cut off: its index (the moov box) is missing"
    return None


def _read_ebml_size(stream: BinaryIO) -> int:
    first = stream.read(1)
    if not first or first[0] == 0:
        return _UNKNOWN_EBML_SIZE
    num_more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - num_more)) - 1)]) + stream.read(num_more))
    is_unknown = value == (1 << (7 * (num_more + 1))) - 1
    return _UNKNOWN_EBML_SIZE if is_unknown else value


def _walk_ebml(stream: BinaryIO, size: int) -> str | None:
    stream.seek(4)
    stream.seek(_read_ebml_size(stream), 1)  # over the EBML header
    if stream.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _read_ebml_size(stream)
    declared = stream.tell() + length
    is_cut = length != _UNKNOWN_EBML_SIZE and declared > size
    return _cut(declared, size) if is_cut else None


def _walk_riff(stream: BinaryIO, size: int) -> str | None:
    offset = 0
    while offset + 8 <= size:  # files above 1 GB are a chain of RIFF chunks
        stream.seek(offset)
        head = stream.read(8)
        if head[:4] != b"RIFF":
            return None
        length = int.from_bytes(head[4:], "little")
        if length == 0:
            return "is cut off: its header was never completed"
        if offset + 8 + length > size:
            return _cut(offset + 8 + length, size)
        offset += 8 + length + length % 2
    return None


def _skip_gif_blocks(stream: BinaryIO) -> bool:
    while length := stream.read(1):
        if length[0] == 0:
            return True
        stream.seek(length[0], 1)
    return False


def _walk_gif(stream: BinaryIO, size: int) -> str | None:
    screen = stream.read(13)
    if len(screen) < 13:
        return "is cut off within its header"
    if screen[10] & 0x80:
        stream.seek(3 << ((screen[10] & 7) + 1), 1)
    num_images = 0
    while kind := stream.read(1):
        if kind == b"\x3b":
            return None
        if kind == b"\x21":
            stream.seek(1, 1)
        elif kind == b"\x2c":
            num_images += 1
            descriptor = stream.read(9)
            palette = descriptor[8] if len(descriptor) == 9 else 0
            stream.seek((3 << ((palette & 7) + 1) if palette & 0x80 else 0) + 1, 1)
        elif kind == b"\x00":
            continue
        else:
            return f"is damaged after frame {num_images - 1}"
        if not _skip_gif_blocks(stream):
            break
    return f"is cut off: it ends after {num_images} frames without the end mark of a GIF"


def _walk_program_stream(stream: BinaryIO, size: int) -> str | None:
    """Walk from the last pack header on (ISO 11172-1, 2.4.3): each packet states its length."""
    stream.seek(max(0, size - 1024 * 1024))
    start = stream.tell()
    tail = stream.read()
    found = tail.rfind(b"\x00\x00\x01\xba")
    if found < 0 or len(tail) < found + 14:
        return None
    is_mpeg_2 = tail[found + 4] >> 6 == 1
    found += 14 + (tail[found + 13] & 7) if is_mpeg_2 else 12
    while tail[found : found + 3] == b"\x00\x00\x01" and len(tail) >= found + 6 and tail[found + 3] >= 0xBB:
        found += 6 + int.from_bytes(tail[found + 4 : found + 6])
    declared = start + found
    return _cut(declared, size) if declared > size else None
