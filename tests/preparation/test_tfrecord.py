"""TFRecord files, as written by Google's own CRC-32C and protocol buffers."""

from __future__ import annotations

import struct
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fommvg_lib.files import InputError
from fommvg_lib.preparation.example import parse_example
from fommvg_lib.preparation.tfrecord import crc32c, masked_crc32c, read_records
from tests.preparation.records import example_bytes, record_bytes

NAMES = st.text(min_size=1, max_size=12)
FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=9).map(lambda v: np.array(v, np.float32))
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9).map(lambda v: np.array(v, np.int64))
BYTES = st.lists(st.binary(max_size=40), max_size=4)
EXAMPLES = st.dictionaries(NAMES, BYTES | FLOATS | INTEGERS, max_size=5)


def same(one, other) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return one == other
    is_empty = len(one) == len(other) == 0  # an empty list has no type on the wire that matters
    return is_empty or (one.dtype == other.dtype and np.array_equal(one, other))


def test_crc_has_the_published_check_values():
    assert crc32c(b"123456789") == 0xE3069283  # the catalogue's check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA and crc32c(b"\xff" * 32) == 0x62A8AB43  # RFC 3720, B.4
    assert crc32c(b"") == 0


@given(st.binary(max_size=9000), st.integers(0, 3))
def test_crc_equals_googles_at_any_length(data, repeats):
    data = data * (1 + repeats)
    assert crc32c(data) == google_crc32c.value(data)


@given(EXAMPLES)
def test_an_example_comes_back(features):
    read = parse_example(example_bytes(features))
    assert read.keys() == features.keys()
    assert all(same(read[name], features[name]) for name in features)


def test_numbers_that_are_not_packed_are_read_too():
    floats = b"".join(b"\x0d" + struct.pack("<f", value) for value in (1.5, -2.0))
    feature = bytes([0x12, len(floats)]) + floats
    entry = b"\x0a\x01f" + bytes([0x12, len(feature)]) + feature
    features = bytes([0x0A, len(entry)]) + entry
    assert parse_example(bytes([0x0A, len(features)]) + features)["f"].tolist() == [1.5, -2.0]


@given(st.lists(st.binary(max_size=5000), max_size=4))
def test_records_come_back(tmp_path_factory, payloads):
    path = tmp_path_factory.mktemp("records") / "a.tfrecords"
    path.write_bytes(b"".join(map(record_bytes, payloads)))
    assert list(read_records(path)) == payloads


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3), st.data())
def test_every_flipped_bit_and_every_cut_is_an_error_that_names_the_file(tmp_path_factory, payloads, data):
    whole = b"".join(map(record_bytes, payloads))
    path = tmp_path_factory.mktemp("records") / "a.tfrecords"
    ends = {sum(16 + len(p) for p in payloads[:n]) for n in range(len(payloads) + 1)}
    if data.draw(st.booleans(), "cut rather than flip"):
        damaged = whole[: data.draw(st.sampled_from(sorted(set(range(len(whole))) - ends)), "length")]
    else:
        bit = data.draw(st.integers(0, 8 * len(whole) - 1), "bit")
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"a\.tfrecords: record \d"):
        list(read_records(path))


@given(st.binary(max_size=200))
def test_rubbish_is_read_or_is_a_value_error(payload):
    try:
        parse_example(payload)
    except ValueError:
        pass  # any other exception fails the test


@given(EXAMPLES, st.data())
def test_a_damaged_example_is_read_or_is_a_value_error(features, data):
    payload = bytearray(example_bytes(features) or b"\x00")
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_example(bytes(payload))
    except ValueError:
        pass


def test_a_length_that_is_not_there_sets_nothing_aside(tmp_path):
    length = struct.pack("<Q", 2**60)
    path: Path = tmp_path / "huge.tfrecords"
    path.write_bytes(length + struct.pack("<I", masked_crc32c(length)))
    with pytest.raises(InputError, match="declares 1152921504606846976 bytes"):
        list(read_records(path))


@pytest.mark.parametrize("name", ["nothing.tfrecords", "."])
def test_what_is_no_file_is_said(tmp_path, name):
    with pytest.raises(InputError, match="no such file|is a folder"):
        list(read_records(tmp_path / name))
