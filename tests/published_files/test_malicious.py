"""Whatever a published file tries, nothing in it runs; how it is refused."""

from __future__ import annotations

import argparse
import ast
import pickle
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from fommvg_lib.files import InputError
from fommvg_lib.published_files import plain_pickle, read_checkpoint, read_components
from fommvg_lib.published_files.forms import LEGACY_START
from tests.published_files import malice

LIBRARY = Path(__file__).resolve().parents[2] / "fommvg_lib"
ATTACKS = tuple(malice.payloads(Path("nowhere")))


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "code in a file was run"


def refused(path, *parts, **options):
    with pytest.raises(InputError) as caught:
        read_checkpoint(path, **options)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    for part in parts:
        assert part in text, text
    return text


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attacks_are_real(tmp_path, name):
    canary = tmp_path / "alive"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pickle.loads(pickle.dumps(malice.payloads(canary)[name], protocol=2))
        except Exception:  # the attack came before
            pass
    assert canary.exists() or name in ("torch.hub", "getattr")


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("where", ["top", "part", "optimizer"])
@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_in_a_checkpoint_runs(tmp_path, canary, name, where, form):
    entries = malice.checkpoint(malice.payloads(canary)[name], where)
    path = malice.save(tmp_path / "model.pth.tar", entries, form)
    refused(path, with_namespace=True)


def test_a_refused_name_is_told(tmp_path, canary):
    entries = malice.checkpoint(malice.payloads(canary)["builtins.eval"], "optimizer")
    path = malice.save(tmp_path / "model.pth.tar", entries, "zip")
    refused(path, "builtins.eval", "nothing in it was run")


def test_the_switch_of_the_environment_opens_nothing(tmp_path, canary, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    entries = malice.checkpoint(malice.payloads(canary)["os.system"], "top")
    refused(malice.save(tmp_path / "model.pth.tar", entries, "zip"))


def test_torch_itself_stands_behind_the_first_gate(tmp_path, canary, monkeypatch):
    monkeypatch.setattr("fommvg_lib.published_files.checkpoint.check_declared", lambda *args: None)
    for form in ("zip", "legacy"):
        entries = malice.checkpoint(malice.payloads(canary)["builtins.exec"], "optimizer")
        path = malice.save(tmp_path / f"{form}.pth.tar", entries, form)
        refused(path, "torch refuses it", with_namespace=True)


def test_a_namespace_is_taken_only_where_one_is_expected(tmp_path):
    path = malice.save(tmp_path / "vp.pth", {"opt": argparse.Namespace(seed=1)}, "zip")
    refused(path, "argparse.Namespace")
    assert read_checkpoint(path, with_namespace=True).options("opt") == {"seed": 1}


def test_the_allowed_namespace_does_not_stay_allowed(tmp_path):
    path = malice.save(tmp_path / "vp.pth", {"opt": argparse.Namespace(seed=1)}, "zip")
    read_checkpoint(path, with_namespace=True)
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


def test_of_a_namespace_only_plain_fields_come_over(tmp_path):
    options = argparse.Namespace(dataset="vox", seed=1, beta1=0.9, flag=True, nested=[1], none=None)
    path = malice.save(tmp_path / "vp.pth", {"opt": options}, "zip")
    fields = read_checkpoint(path, with_namespace=True).options("opt")
    assert fields == {"dataset": "vox", "seed": 1, "beta1": 0.9, "flag": True}


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = malice.zip_bomb(tmp_path / "bomb.pth.tar", malice.checkpoint(None, "top"))
    assert path.stat().st_size < 2**18

    def unpack(*args, **kwargs):
        raise AssertionError("was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    monkeypatch.setattr(torch, "load", unpack)
    refused(path, "67.1 MB", "before unpacking")


def test_entries_that_share_bytes_do_not_pass_for_more(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(1000)}}, "zip")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")  # an entry of the directory
    data[at + 24 : at + 28] = (2**31 - 1).to_bytes(4, "little")
    data[at + 20 : at + 24] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    refused(path)


def numbers_in_table(old: bytes, new: bytes):
    def change(table: bytes) -> bytes:
        assert old in table
        return table.replace(old, new)

    return change


def test_a_zip_that_declares_more_numbers_than_it_holds_is_refused(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.rewrite(path, numbers_in_table(b"K\x04t", b"J\xff\xff\xff\x7ft"))
    refused(path, "declares 2147483647 numbers", "holds 16 bytes")


def test_a_tensor_that_repeats_its_numbers_is_refused(tmp_path):
    huge = torch.ones(1).expand(2**20, 2**20)
    for form in ("zip", "legacy"):
        path = malice.save(tmp_path / f"{form}.pth.tar", {"a": {"w": huge}}, form)
        refused(path, "declares a tensor of shape (1048576, 1048576) over 1 numbers")


def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.rewrite(path, numbers_in_table(b"K\x04\x85", b"K\x09\x85"))
    refused(path, "declares a tensor of shape (9,) over 4 numbers")


def test_a_legacy_file_that_declares_a_terabyte_is_refused_before_it_is_allocated(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "legacy")
    data = path.read_bytes()
    assert data.count(b"K\x04Nt") == 1
    path.write_bytes(data.replace(b"K\x04Nt", b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"Nt"))
    refused(path, "cut off")


def test_one_tensor_under_many_names_is_refused(tmp_path):
    shared = torch.ones(10_000)
    part = {f"name{index}": shared for index in range(100)}
    path = malice.save(tmp_path / "model.pth.tar", {"generator": part}, "zip")
    with pytest.raises(InputError, match="same numbers under many names"):
        read_checkpoint(path).part("generator")


def test_a_second_directory_that_only_torch_sees_is_refused(tmp_path):
    """The bomb is real: Python reads the harmless directory, torch unpacks the other one."""
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.two_directories(path, 2**24)
    assert path.stat().st_size < 2**16
    with zipfile.ZipFile(path) as archive:
        assert max(info.file_size for info in archive.infolist()) < 2**10
    torch_sees = torch._C.PyTorchFileReader(str(path)).get_record("data.pkl")
    assert len(torch_sees) > 2**24
    refused(path, "more than one zip directory")


@pytest.mark.parametrize("tail", [b"PK\5\6", b"\0" * 30], ids=["record", "zeros"])
def test_a_zip_with_something_after_its_end_is_refused(tmp_path, tail):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    path.write_bytes(path.read_bytes() + tail)
    refused(path)


def test_a_second_table_in_capital_letters_is_refused(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    with zipfile.ZipFile(path, "a") as archive:
        table = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        archive.writestr(table.replace("data.pkl", "DATA.PKL"), archive.read(table))
    refused(path)


def nested(depth=60):
    """A tuple of two of a tuple of two of ...: small to store, endless to print or compare."""
    return b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(depth))


@pytest.mark.parametrize(
    "table",
    [b"\x80\x04" + nested() + b"\x8c\x01a\x93.", b"\x80\x04\x8c\x01a" + nested() + b"\x93."],
    ids=["module", "name"],
)
def test_a_name_that_is_no_text_costs_no_time(tmp_path, table):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.rewrite(path, lambda _: table)
    refused(path, "has no name")


def test_nested_tuples_in_a_legacy_list_cost_no_time(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "legacy")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x80\x02]")] + b"\x80\x02]" + nested() + b"a." + bytes(64))
    refused(path, "its list of numbers does not fit")


def test_a_shape_of_many_axes_costs_no_time(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    sides = b"(\x8a\xff" + b"\x7f" * 254 + b"\x01q\xf0" + b"h\xf0" * 5000 + b"t"
    steps = b"(" + b"K\x01" * 5001 + b"t"
    malice.rewrite(path, lambda table: table.replace(b"K\x04\x85", sides).replace(b"K\x01\x85", steps))
    refused(path, "describes a tensor in a way torch does not")


def test_numbers_chosen_to_collide_as_keys_cost_no_time(tmp_path):
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    keys = {index * sys.hash_info.modulus: 0 for index in range(1, 50)}
    malice.rewrite(path, lambda _: pickle.dumps({"a": keys}, protocol=2))
    refused(path, "larger than any number of weights")


def test_a_pickle_of_endless_operations_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_pickle, "MAX_OPERATIONS", 1000)
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.rewrite(path, lambda _: b"\x80\x02" + b"]" * 2000 + b".")
    refused(path, "more than 1000 operations")


def test_a_text_that_declares_more_than_any_memory_is_refused(tmp_path):
    huge = b"\x80\x04\x8d" + (2**60).to_bytes(8, "little") + b"x"
    path = tmp_path / "model.pth.tar"
    path.write_bytes(LEGACY_START + b".\x80\x02M\xe9\x03." + huge)
    refused(path, "declares more than it can hold")
    path = malice.object_npy(tmp_path / "pca.npy", None)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\n") + 1] + huge)
    with pytest.raises(InputError, match="declares more than it can hold"):
        read_components(path)


def test_checks_come_in_order_before_torch_loads(tmp_path, monkeypatch):
    """First what the file is, then what it declares, then its hash; torch loads what passed all."""
    asked = []
    monkeypatch.setattr(torch, "load", lambda *args, **options: asked.append("load") or {"a": 1})
    good = malice.save(tmp_path / "good.pth", {"a": {"w": torch.ones(4)}}, "zip")
    read_checkpoint(good, check_hash=lambda path: asked.append("hash"))
    assert asked == ["hash", "load"]
    refused_hash = {"check_hash": lambda path: "has sha256 1 instead of 2"}
    refused(good, "has sha256 1 instead of 2", **refused_hash)
    bomb = malice.zip_bomb(tmp_path / "bomb.pth", {"a": 1}, 2**20)
    refused(bomb, "before unpacking", **refused_hash)
    (tmp_path / "page.pth").write_bytes(b"<html>")
    refused(tmp_path / "page.pth", "is a web page", **refused_hash)
    assert asked == ["hash", "load"]


def test_a_tar_that_begins_like_a_legacy_file_is_refused(tmp_path, canary):
    """torch looks for its oldest form, a tar, before it reads a legacy file."""
    path = malice.legacy_tar(tmp_path / "model.pth.tar", malice.payloads(canary)["os.system"])
    data = bytearray(path.read_bytes())
    data[: len(LEGACY_START) + 2] = LEGACY_START + b".\0"
    checksum = sum(data[:148]) + 8 * 32 + sum(data[156:512])
    data[148:156] = b"%06o\0 " % checksum
    path.write_bytes(bytes(data))
    assert tarfile.is_tarfile(path)
    refused(path)


def test_nested_tuples_as_keys_cost_no_time(tmp_path):
    table = b"\x80\x02}(" + b")" + b"".join(b"q%c(h%ch%ct" % (i, i, i) for i in range(60)) + b"Nu."
    path = malice.save(tmp_path / "model.pth.tar", {"a": {"w": torch.ones(4)}}, "zip")
    malice.rewrite(path, lambda _: table)
    refused(path, "keys are neither texts nor numbers")


def test_control_characters_of_a_file_never_reach_the_terminal(tmp_path):
    entries = {"\x1b[2Jgenerator": {"w": torch.ones(1)}}
    published = read_checkpoint(malice.save(tmp_path / "model.pth.tar", entries, "zip"))
    with pytest.raises(InputError) as caught:
        published.part("generator")
    assert "\x1b" not in str(caught.value) and "x1b[2J" in str(caught.value)


def test_a_tar_of_old_torch_is_refused(tmp_path, canary):
    path = malice.legacy_tar(tmp_path / "model.pth.tar", malice.payloads(canary)["os.system"])
    refused(path, "is a tar archive")


@pytest.mark.parametrize("protocol", range(1, 6))
def test_a_bare_pickle_is_refused(tmp_path, canary, protocol):
    path = tmp_path / "model.pth.tar"
    path.write_bytes(pickle.dumps(malice.payloads(canary)["os.system"], protocol=protocol))
    refused(path)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("name", ATTACKS)
def test_a_pickle_inside_an_npy_does_not_run(tmp_path, canary, name, protocol):
    payload = malice.payloads(canary)[name]
    for value in (payload, {"comp": payload}):
        path = malice.object_npy(tmp_path / "pca.npy", value, protocol)
        with pytest.raises(InputError, match="no published components"):
            read_components(path)
        refused(path, "is a NumPy array")


def test_the_library_cannot_unpickle():
    """It imports nothing that unpickles, tells no loader to trust, and calls torch.load in one place."""
    modules = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    loads = []
    for path in sorted(LIBRARY.rglob("*.py")):
        name = path.relative_to(LIBRARY).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & modules, where
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in modules, where
            elif isinstance(node, ast.keyword) and node.arg in ("weights_only", "allow_pickle"):
                assert isinstance(node.value, ast.Constant), where
                assert node.value.value is (node.arg == "weights_only"), where
            elif is_load(node, "torch", "np", "numpy"):
                assert {word.arg for word in node.keywords} & {"weights_only", "allow_pickle"}, where
                loads += [name] if is_load(node, "torch") else []
    assert loads == ["published_files/checkpoint.py"]


def is_load(node, *owners):
    """Say whether a node is a call such as torch.load(...)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    return node.func.attr == "load" and isinstance(owner, ast.Name) and owner.id in owners
