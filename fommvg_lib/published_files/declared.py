"""Sizes that a torch file declares, checked against what it holds before anything is expanded or allocated.

A zip bomb, a storage of a terabyte in a file of a kilobyte, a tensor that repeats one number a billion times:
`weights_only` stops none of them. Every torch file stores its parts uncompressed and its tensors in full, so
whatever declares more than is there is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import IO, Any

from fommvg_lib.files import InputError
from fommvg_lib.published_files.directory import check_directory
from fommvg_lib.published_files.plain_pickle import Call, Name, Refused, read_plain, shown

MAX_BYTES = 4 * 2**30
"""Largest file that is looked at; the largest published one has 0.8 GB."""
MAX_PICKLE_BYTES = 64 * 2**20
"""Largest table of names and shapes in a zip file."""
MAX_ENTRIES = 100_000
MAX_DIMS = 16
"""Axes of a tensor; published ones have up to four."""

LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8,
    "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1,
}  # fmt: skip
ALLOWED = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        *(f"torch.{name}" for name in ITEM_BYTES),
    }
)
"""All that a file of tensors names."""


def check_declared(path: Path, form: str, allowed: Collection[str] = ()) -> None:
    """Check all that a torch file declares against its bytes.

    Args:
        path: a file that `forms.recognise` knows.
        form: "zip" or "legacy", as told by it.
        allowed: names beyond `ALLOWED` that may occur in its pickle.

    Raises:
        InputError: in one line, if it declares more than it holds, is cut off or damaged, or names what no
            weights need.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: has {size / 2**30:.1f} GB, published files have less than 1 GB")
    table = _Table(ALLOWED | set(allowed))
    try:
        if form == "zip":
            _check_zip(path, size, table)
        else:
            with path.open("rb") as stream:
                _check_legacy(stream, size, table)
    except Refused as error:
        raise InputError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: is cut off or damaged ({error}): fetch it again") from error
    except (OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a torch file ({error})") from error


@dataclass(eq=False)
class Storage:
    """A block of numbers that the pickle refers to."""

    key: str
    item_bytes: int
    numel: int


@dataclass
class _Table:
    """Reads a file's pickle and keeps what it declares."""

    allowed: Collection[str]
    storages: dict[str, Storage] = field(default_factory=dict)

    def read(self, stream: IO[bytes]) -> Any:
        """Read the pickle that holds the tensors' table."""
        return read_plain(stream, self.allowed, self._check_call, self._note_storage)

    def _note_storage(self, reference: Any) -> Storage:
        match reference:
            case ("storage", Name("torch", str(kind)), str(key), str(), int(numel), *rest):
                if kind not in ITEM_BYTES or numel < 0 or rest not in ([], [None]):
                    raise Refused("its pickle refers to numbers in a way torch does not")
            case _:
                raise Refused("its pickle refers to something that is no numbers of a tensor")
        known = self.storages.setdefault(key, Storage(key, ITEM_BYTES[kind], numel))
        if (known.item_bytes, known.numel) != (ITEM_BYTES[kind], numel):
            raise Refused(f"its pickle declares the numbers {shown(key)} twice, differently")
        return known

    @staticmethod
    def _check_call(call: Call) -> None:
        """Refuse a tensor that reaches beyond its numbers, or repeats them to seem larger."""
        if not str(call.function).startswith("torch._utils._rebuild_tensor"):
            return
        match call.arguments:
            case (Storage() as storage, int(offset), tuple(size), tuple(stride), *_):
                numbers = (offset, *size, *stride)
            case _:
                raise Refused("its pickle describes a tensor in a way torch does not")
        is_plain = all(type(n) is int and 0 <= n < 2**63 for n in numbers)
        if not is_plain or len(size) != len(stride) or len(size) > MAX_DIMS:
            raise Refused("its pickle describes a tensor in a way torch does not")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if prod(size) > storage.numel or (prod(size) and last >= storage.numel):
            raise Refused(f"it declares a tensor of shape {size} over {storage.numel} numbers")


def _check_zip(path: Path, size: int, table: _Table) -> None:
    with zipfile.ZipFile(path) as archive:
        check_directory(path, size, archive.start_dir)
        entries = {info.filename: info for info in archive.infolist()}
        tables = [name for name in entries if name.split("/")[1:] == ["data.pkl"]]
        is_program = any(name.endswith("/constants.pkl") for name in entries)
        names = {name.lower() for name in entries}  # torch finds names in either case
        if len(tables) != 1 or is_program or len(names) != len(archive.infolist()):
            raise Refused(_what_zip(list(entries)))
        total = sum(info.file_size for info in entries.values())
        if total > size or any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
            raise Refused(
                f"declares {total / 1e6:.1f} MB in {size / 1e6:.3f} MB of compressed entries; torch "
                "compresses nothing: refused before unpacking"
            )
        if len(entries) > MAX_ENTRIES or entries[tables[0]].file_size > MAX_PICKLE_BYTES:
            raise Refused("declares more entries than any published file")
        broken = archive.testzip()
        if broken is not None:
            raise Refused(f"is damaged (the checksum of {shown(broken)} differs): fetch it again")
        with archive.open(tables[0]) as stream:
            table.read(stream)
    folder = tables[0].split("/")[0]
    for storage in table.storages.values():
        info = entries.get(f"{folder}/data/{storage.key}")
        if info is None or info.file_size != storage.numel * storage.item_bytes:
            there = 0 if info is None else info.file_size
            raise Refused(
                f"declares {storage.numel} numbers of {storage.item_bytes} bytes as data/"
                f"{shown(storage.key)} and holds {there} bytes"
            )


def _what_zip(names: list[str]) -> str:
    inside = [name for name in names if name.endswith((".pth", ".tar", ".pt", ".ckpt"))]
    if inside:
        return f"is a zip archive that holds {shown(inside[0])}: unpack it and import that file"
    if any(name.endswith("/constants.pkl") for name in names):
        return "is a TorchScript program, not weights: it is not read"
    return "is a zip archive but no torch file (it has no data.pkl)"


def _check_legacy(stream: IO[bytes], size: int, table: _Table) -> None:
    """Follow the form of 2020: three small pickles, the table, the keys, then each block behind its count."""
    if read_plain(stream, ()) != LEGACY_MAGIC or read_plain(stream, ()) != LEGACY_PROTOCOL:
        raise Refused("is no torch file: its header is of another version")
    system = read_plain(stream, ())
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("was written by a machine of another byte order")
    table.read(stream)
    keys = read_plain(stream, ())
    is_plain = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not is_plain or sorted(keys) != sorted(table.storages):
        raise Refused("is damaged: its list of numbers does not fit its table")
    at = stream.tell()
    for key in keys:
        storage = table.storages[key]
        stream.seek(at)
        count = int.from_bytes(stream.read(8), "little")
        at += 8 + storage.numel * storage.item_bytes
        if at > size:
            raise Refused(f"is cut off: {at} bytes or more are declared, {size} are there; fetch it again")
        if count != storage.numel:
            raise Refused(f"is damaged: it declares {storage.numel} numbers where it holds {count}")
