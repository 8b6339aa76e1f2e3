"""Damage to bytes, of the kinds that disks, networks, editors and malice do."""

from __future__ import annotations

import math
import random
import struct

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00010000)
_WORDS = (
    b"0", b"-1", b"1e999", b"nan", b"null", b"true", b"[", b"{", b'"', b"\x00", b"\xff\xfe", b"\n", b",",
    b"99999999999999999999", b"*a", b"&a [*a]", b"../../x", b"\xed\xa0\x80", b"!!python/object:os.system",
)  # fmt: skip


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes in one to three ways."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        rng.choice(_KINDS)(data, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Choose a place; headers, which decide most, as often as all the rest."""
    return rng.randrange(min(len(data), 64) if rng.random() < 0.4 else len(data))


def _stretch(data: bytearray, rng: random.Random) -> slice:
    start = _place(data, rng)
    longest = min(10.0, 0.6 * math.log2(len(data)))
    return slice(start, min(len(data), start + int(2 ** rng.uniform(0, longest))))


def _flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 30))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _overwrite(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where] = rng.randbytes(len(data[where]))


def _zero(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where] = bytes(len(data[where]))


def _cut_out(data: bytearray, rng: random.Random) -> None:
    del data[_stretch(data, rng)]


def _repeat(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where.start : where.start] = bytes(data[where]) * rng.choice((1, 2, 10))


def _set_number(data: bytearray, rng: random.Random) -> None:
    """Put an extreme number of 2, 4 or 8 bytes where a size or a count may stand."""
    kind = rng.choice(("H", "I", "Q"))
    value = rng.choice((*_EXTREMES, rng.getrandbits(32))) & ((1 << (8 * struct.calcsize(kind))) - 1)
    packed, start = struct.pack(rng.choice("<>") + kind, value), _place(data, rng)
    data[start : start + len(packed)] = packed


def _insert_word(data: bytearray, rng: random.Random) -> None:
    start = _place(data, rng)
    data[start : start + rng.choice((0, 1, 4))] = rng.choice(_WORDS)


_KINDS = (_flip_bits, _truncate, _overwrite, _zero, _cut_out, _repeat, _set_number, _insert_word)
