"""Safetensors files of which the same content always gives the same bytes.

The safetensors package writes metadata in an order that differs from process to process, so two runs that
computed the same would differ in their files' hashes. Here the header's entries are sorted.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

_ALIGNMENT = 8


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and text; characters that are no text (of a file's name) are written as \\udcXX.

    Raises:
        OSError: if the file cannot be written.
    """
    words = {name: _text(value) for name, value in sorted(metadata.items())}
    content = save(tensors, words)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header = {"__metadata__": words} | {name: header[name] for name in tensors}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)  # as the package does: tensors begin at a multiple of 8 bytes
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.write(memoryview(content)[end:])


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and text, from a path of any name: the package's own reader takes UTF-8 only.

    Raises:
        OSError: if the file cannot be read.
        SafetensorError: if it is no whole safetensors file.
    """
    content = path.read_bytes()
    tensors = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return tensors, header.get("__metadata__") or {}


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
