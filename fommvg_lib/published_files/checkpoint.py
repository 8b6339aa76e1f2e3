"""A published checkpoint: its parts as tensors on the CPU, after every check that needs no loading.

Order: what the file is, what it declares, its hash if one is known, and only then `torch.load`, which makes
tensors and nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fommvg_lib.files import InputError, sha256
from fommvg_lib.published_files.declared import check_declared
from fommvg_lib.published_files.forms import recognise
from fommvg_lib.published_files.plain_pickle import shown

NAMESPACE = "argparse.Namespace"


@dataclass(frozen=True)
class Checkpoint:
    """What a published file holds.

    Attributes:
        path: the file.
        num_bytes: its size.
        sha256: of its bytes.
        entries: its top level: parts, optimisers, epoch.
    """

    path: Path
    num_bytes: int
    sha256: str
    entries: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """Give a part's tensors by name, without the `module.` that saving from several GPUs leaves.

        Raises:
            InputError: if there is no such part, or it holds anything but numbers that are finite.
        """
        if name not in self.entries:
            names = shown(", ".join(self.entries)) or "none"
            raise InputError(f"{self.path}: has no part {name} (it has {names})")
        state = self.entries[name]
        if not isinstance(state, Mapping) or not state:
            raise InputError(f"{self.path}: its part {name} is no dict of tensors")
        for key, tensor in state.items():
            where = f"{self.path}: {name}.{shown(key)}"
            if not isinstance(key, str) or not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
                raise InputError(f"{where} is no plain tensor")
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise InputError(f"{where} holds numbers that are not finite")
        if sum(tensor.nbytes for tensor in state.values()) > 2 * self.num_bytes:
            raise InputError(f"{self.path}: its part {name} repeats the same numbers under many names")
        is_parallel = all(key.startswith("module.") for key in state)
        return {key.removeprefix("module.") if is_parallel else key: _own(t) for key, t in state.items()}

    def number(self, name: str) -> int | None:
        """Give a whole number at the top level, such as `epoch`; None if there is none."""
        value = self.entries.get(name)
        return value if type(value) is int else None

    def options(self, name: str) -> dict[str, str | int | float | bool]:
        """Give the plain fields of an `argparse.Namespace` at the top level; all else in it is left."""
        value = self.entries.get(name)
        fields = vars(value) if type(value) is argparse.Namespace else {}
        return {
            key: field
            for key, field in fields.items()
            if isinstance(key, str) and type(field) in (str, int, float, bool)
        }


def read_checkpoint(
    path: str | Path,
    with_namespace: bool = False,
    check_hash: Callable[[Path], str | None] | None = None,
) -> Checkpoint:
    """Read a published `.pth.tar` or `.pth`, of today's or of 2020's form, tagged for whatever device.

    Args:
        path: the file.
        with_namespace: it may hold an `argparse.Namespace` (FOMMVG's do).
        check_hash: says how the file differs from the one that is expected, or None if it does not.

    Raises:
        InputError: in one line, for anything else than a whole file of tensors, numbers and texts.
    """
    path = Path(path)
    form = recognise(path)
    check_declared(path, form, (NAMESPACE,) if with_namespace else ())
    problem = check_hash(path) if check_hash is not None else None
    if problem:
        raise InputError(f"{path}: {problem}")
    with torch.serialization.safe_globals([argparse.Namespace] if with_namespace else []):
        try:
            # Mapped, what is not looked at (optimisers are two thirds of a file) is not read.
            entries = torch.load(path, map_location="cpu", weights_only=True, mmap=form == "zip")
        except Exception as error:  # hostile bytes may make it raise anything
            reason = shown(error)
            raise InputError(f"{path}: torch refuses it ({type(error).__name__}: {reason})") from error
    if not isinstance(entries, Mapping) or not all(isinstance(name, str) for name in entries):
        raise InputError(f"{path}: holds no dict of parts, so it is no published checkpoint")
    return Checkpoint(path, path.stat().st_size, sha256(path), dict(entries))


def _own(tensor: Tensor) -> Tensor:
    """Copy a tensor out of the mapped file, floating point as float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).clone()
