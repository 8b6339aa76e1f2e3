"""The examples in TFRecord files: protocol buffers, as far as they are needed here.

`Example` has `Features` in field 1: a map from names to `Feature`s, each a list of bytes (field 1), floats
(2) or int64 (3). A `SequenceExample` has its context in the same place and reads alike; its feature lists
(field 2) are not read. What a tag or a length claims is checked against the bytes that are there.

Source: TensorFlow's `example.proto` and `feature.proto`; the protocol buffers' encoding guide.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Value = list[bytes] | np.ndarray


def parse_example(payload: bytes) -> dict[str, Value]:
    """Read the features of an Example.

    Returns:
        For each name a list of bytes, a float32 array (n,) or an int64 array (n,).

    Raises:
        ValueError: if the bytes are not such a message.
    """
    features: dict[str, Value] = {}
    view = memoryview(payload)
    for field, kind, value in _fields(view):
        if field == 1 and kind == 2:
            for inner, inner_kind, entry in _fields(value):
                if inner == 1 and inner_kind == 2:
                    name, feature = _read_entry(entry)
                    features[name] = feature
    return features


def _read_entry(entry: memoryview) -> tuple[str, Value]:
    name, feature = "", memoryview(b"")
    for field, kind, value in _fields(entry):
        if field == 1 and kind == 2:
            name = bytes(value).decode("utf-8")  # UnicodeDecodeError is a ValueError
        elif field == 2 and kind == 2:
            feature = value
    result: Value = []
    for field, kind, value in _fields(feature):
        if kind != 2:
            continue
        if field == 1:
            result = [bytes(item) for number, k, item in _fields(value) if number == 1 and k == 2]
        elif field == 2:
            result = _read_floats(value)
        elif field == 3:
            result = _read_integers(value)
    return name, result


def _read_floats(message: memoryview) -> np.ndarray:
    """Read a FloatList: packed, or one by one."""
    parts = [value for field, kind, value in _fields(message) if field == 1 and kind in (2, 5)]
    if any(len(part) % 4 for part in parts):
        raise ValueError("a list of floats is not a multiple of 4 bytes long")
    return np.frombuffer(b"".join(parts), "<f4").astype(np.float32)


def _read_integers(message: memoryview) -> np.ndarray:
    """Read an Int64List: packed, or one by one."""
    values: list[int] = []
    for field, kind, value in _fields(message):
        if field == 1 and kind == 0:
            values.append(value)
        elif field == 1 and kind == 2:
            place = 0
            while place < len(value):
                number, place = _varint(value, place)
                values.append(number)
    return np.array(values, np.uint64).astype(np.int64)


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    """Yield (field, wire type, value): an int for a varint (0), else a slice: 8 (1), n (2) or 4 bytes (5)."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        field, kind = tag >> 3, tag & 7
        if field == 0 or kind not in (0, 1, 2, 5):
            raise ValueError(f"tag {tag} at byte {place} is no field of a protocol buffer")
        if kind == 0:
            value, place = _varint(message, place)
            yield field, kind, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if length is None:
            length, place = _varint(message, place)
        if length > len(message) - place:
            raise ValueError(f"field {field} declares {length} bytes, {len(message) - place} are there")
        yield field, kind, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("a number is cut off")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, place
    raise ValueError("a number is longer than 64 bits")
