"""TFRecord files, read without TensorFlow.

A file is a chain of records: length (uint64, little-endian), masked CRC-32C of those 8 bytes, payload,
masked CRC of the payload. The mask is rotate-right by 15 plus 0xa282ead8. Both checksums of every record are
compared, and a length is compared with what is there before anything is set aside for it.

Source: TensorFlow's TFRecord guide; RFC 3720, appendix B.4 (CRC-32C). What is in the payloads: `example.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fommvg_lib.files import InputError

_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), bits reversed
_MASK_DELTA = 0xA282EAD8
_HEAD_BYTES = 12
_LANE_BYTES = 2048
MAX_RECORD_BYTES = 512 * 1024**2


@cache
def _table() -> np.ndarray:
    """Give the CRC of each single byte, uint32 (256,)."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1)
    return crc


@cache
def _after_zeros(count: int) -> np.ndarray:
    """Give what `count` zero bytes make of a register, for each byte of it: uint32 (4, 256)."""
    shifts = np.arange(0, 32, 8, dtype=np.uint32)[:, None]
    register = np.arange(256, dtype=np.uint32) << shifts  # (4, 256)
    for _ in range(count):
        register = _table()[register & 0xFF] ^ (register >> 8)
    return register


def crc32c(data: bytes) -> int:
    """Give the CRC-32C of some bytes, 0 to 2^32 - 1.

    Long data is divided into lanes whose registers move on together, a byte of each at a time, and are then
    joined: the register after A and B is that of A moved on by as many zeros as B is long, xor that of B.
    """
    table, register = _table(), 0xFFFFFFFF
    num_lanes = len(data) // _LANE_BYTES
    if num_lanes > 1:
        lanes = np.frombuffer(data, np.uint8, num_lanes * _LANE_BYTES).reshape(num_lanes, -1).T
        lanes = np.ascontiguousarray(lanes)  # (_LANE_BYTES, num_lanes)
        registers = np.zeros(num_lanes, np.uint32)
        for column in lanes:
            registers = table[(registers & 0xFF) ^ column] ^ (registers >> 8)
        zeros = [row.tolist() for row in _after_zeros(_LANE_BYTES)]
        for lane in registers.tolist():
            moved = zeros[0][register & 0xFF] ^ zeros[1][register >> 8 & 0xFF]
            register = moved ^ zeros[2][register >> 16 & 0xFF] ^ zeros[3][register >> 24] ^ lane
        data = data[num_lanes * _LANE_BYTES :]
    small = table.tolist()
    for byte in data:
        register = small[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """Give the CRC-32C as TFRecord files store it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def read_records(path: str | Path) -> Iterator[bytes]:
    """Yield the payloads of a TFRecord file.

    Raises:
        InputError: naming file and record if the file is missing, cut off, or a checksum does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder, a file is needed' if path.is_dir() else 'no such file'}")
    size = path.stat().st_size
    with path.open("rb") as stream:
        number = 0
        while stream.tell() < size:
            yield _read_record(stream, size, f"{path}: record {number}")
            number += 1


def _read_record(stream: BinaryIO, size: int, where: str) -> bytes:
    head = stream.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES:
        raise InputError(f"{where} is cut off: {len(head)} of the {_HEAD_BYTES} bytes of its head are there")
    if masked_crc32c(head[:8]) != int.from_bytes(head[8:], "little"):
        raise InputError(f"{where} is damaged: its length's checksum does not fit (is it a TFRecord file?)")
    length = int.from_bytes(head[:8], "little")
    if length > MAX_RECORD_BYTES:
        raise InputError(f"{where} declares {length} bytes, the limit is {MAX_RECORD_BYTES}")
    left = size - stream.tell()
    if length + 4 > left:
        raise InputError(f"{where} is cut off: {left} of {length + 4} bytes are there")
    payload = stream.read(length)
    if masked_crc32c(payload) != int.from_bytes(stream.read(4), "little"):
        raise InputError(f"{where} is damaged: the checksum of its content does not fit")
    return payload
