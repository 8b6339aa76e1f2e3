"""Files that try something, and the canary that would show it: a file that only their code would create."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Runs:
    """Pickles into a call of `function` with `arguments`: what a malicious file holds."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple:
        return self._call


class SetsState(dict):
    """Pickles into a dict whose state is what a malicious call returns."""

    def __init__(self, payload: Any) -> None:
        super().__init__()
        self._payload = payload

    def __reduce__(self) -> tuple:
        return dict, (), self._payload


def payloads(canary: Path) -> dict[str, Any]:
    """Give objects that would create `canary` when unpickled, each in another way."""
    import builtins
    import os
    import subprocess

    touch = f"touch '{canary}'"
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": Runs(os.system, touch),
        "builtins.eval": Runs(builtins.eval, f"[open({str(canary)!r}, 'w').close()]"),
        "builtins.exec": Runs(builtins.exec, code),
        "subprocess": Runs(subprocess.check_call, ["touch", str(canary)]),
        "Path.touch": Runs(Path.touch, canary),
        "torch.hub": Runs(torch.hub.load_state_dict_from_url, f"file://{canary}"),
        "getattr": Runs(getattr, "text", "upper"),
        "state": SetsState(Runs(builtins.exec, code)),
    }


def checkpoint(payload: Any, where: str) -> dict[str, Any]:
    """Give a FOMM-like checkpoint with a payload at its top, in a part, or deep in an optimiser's state."""
    state = {"weight": torch.ones(2, 2)}
    entries = {"generator": state, "kp_detector": dict(state), "epoch": 1}
    if where == "top":
        return {**entries, "extra": payload}
    if where == "part":
        return {**entries, "generator": {**state, "bias": payload}}
    groups = [{"lr": 1e-4, "params": [0], "hooks": [{"deep": (payload,)}]}]
    return {**entries, "optimizer_generator": {"state": {0: {"step": 3}}, "param_groups": groups}}


def save(path: Path, entries: Any, form: str) -> Path:
    """Write a torch file in today's or in 2020's form."""
    torch.save(entries, path, _use_new_zipfile_serialization=form == "zip")
    return path


def zip_bomb(path: Path, entries: dict[str, Any], num_bytes: int = 2**26) -> Path:
    """Write a torch zip whose data are zeros, deflated a thousandfold."""
    plain = io.BytesIO()
    torch.save({**entries, "bomb": {"weight": torch.zeros(4)}}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
        target.writestr("archive/data/99", bytes(num_bytes))
    return path


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as source:
        return {info.filename: source.read(info) for info in source.infolist()}


def two_directories(path: Path, num_bytes: int) -> Path:
    """Write a torch zip with two directories: Python finds a harmless one, torch one with a zip bomb.

    The end record names the bomb's; the harmless one lies right before it.
    """
    plain = _members(path)
    bomb = {name: data + bytes(num_bytes) * name.endswith("/data.pkl") for name, data in plain.items()}
    files, directories = [], []
    for members, method in ((bomb, zipfile.ZIP_DEFLATED), (plain, zipfile.ZIP_STORED)):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        whole = stream.getvalue()
        end = whole.rindex(b"PK\5\6")
        size, start = struct.unpack("<2L", whole[end + 12 : end + 20])
        files.append(whole[:start])
        directories.append(bytearray(whole[start : start + size]))
    # Python adds to each place in the directory by how much the directory lies later than the record says.
    moved_by = len(files[0]) - len(files[1])
    at, second = 0, directories[1]
    while at < len(second):
        begin = struct.unpack_from("<L", second, at + 42)[0]
        struct.pack_into("<L", second, at + 42, begin + moved_by)
        at += 46 + sum(struct.unpack_from("<3H", second, at + 28))
    record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[len(plain)] * 2, len(second), len(files[0]), 0)
    path.write_bytes(files[0] + directories[0] + files[1] + second + record)
    return path


def rewrite(path: Path, change: Any) -> Path:
    """Write a torch zip anew with its table of tensors changed, all else as it was."""
    members = _members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name, data in members.items():
            target.writestr(name, change(data) if name.endswith("/data.pkl") else data)
    return path


def legacy_tar(path: Path, payload: Any) -> Path:
    """Write the tar form of torch before 0.4, its pickles malicious."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            data = pickle.dumps(payload, protocol=2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def object_npy(path: Path, value: Any, protocol: int = 3) -> Path:
    """Write a 0-d object array as `numpy.save` of 2020 does, whatever it holds."""
    array = np.empty((), dtype=object)
    array[()] = value
    with path.open("wb") as stream:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(stream, header)
        pickle.dump(array, stream, protocol=protocol)
    return path
