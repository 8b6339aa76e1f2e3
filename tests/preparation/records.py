"""TFRecord files written independently of the reader: checksums by google-crc32c, messages by protobuf."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_LISTS = (("BytesList", 12), ("FloatList", 2), ("Int64List", 3))  # the type's number in a descriptor


@cache
def _messages() -> dict[str, type]:
    """Build the classes of TensorFlow's example.proto and feature.proto from their published definition."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="records", syntax="proto3")
    for name, kind in _LISTS:
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, type=kind, label=3)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, _) in enumerate(_LISTS, 1):
        field = feature.field.add(name=name.lower(), number=number, type=11, label=1, oneof_index=0)
        field.type_name = f".records.{name}"
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".records.Feature")
    features.field.add(name="feature", number=1, type=11, label=3, type_name=".records.Features.FeatureEntry")
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, type=11, label=1, type_name=".records.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClassesForFiles(["example.proto"], pool)


def example_bytes(features: Mapping[str, list[bytes] | np.ndarray]) -> bytes:
    """Serialise an Example of bytes, float32 and int64 features."""
    example = _messages()["records.Example"]()
    for name, values in features.items():
        feature = example.features.feature[name]
        if isinstance(values, list):
            feature.byteslist.value.extend(values)
            feature.byteslist.SetInParent()
        elif values.dtype == np.float32:
            feature.floatlist.value.extend(values.tolist())
            feature.floatlist.SetInParent()
        else:
            feature.int64list.value.extend(values.tolist())
            feature.int64list.SetInParent()
    return example.SerializeToString()


def record_bytes(payload: bytes) -> bytes:
    """Frame a payload."""
    length = struct.pack("<Q", len(payload))
    return length + _masked(length) + payload + _masked(payload)


def _masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF)


def write_records(path: Path, examples: Iterable[Mapping[str, list[bytes] | np.ndarray]]) -> None:
    """Write examples as a TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(record_bytes(example_bytes(example)) for example in examples))
