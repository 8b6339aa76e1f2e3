"""Whatever a published file tries, nothing in it runs; how it is refused."""

from __future__ import annotations

import argparse
import ast
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from fommvg_lib.files import InputError
from fommvg_lib.published_files import read_checkpoint, read_components
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
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(LIBRARY)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & modules, where
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in modules, where
            elif isinstance(node, ast.keyword) and node.arg in ("weights_only", "allow_pickle"):
                assert isinstance(node.value, ast.Constant), where
                assert node.value.value is (node.arg == "weights_only"), where
            elif is_load(node, "torch", "np", "numpy"):
                assert {word.arg for word in node.keywords} & {"weights_only", "allow_pickle"}, where
                loads += [path.relative_to(LIBRARY).as_posix()] if is_load(node, "torch") else []
    assert loads == ["published_files/checkpoint.py"]


def is_load(node, *owners):
    """Say whether a node is a call such as torch.load(...)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    return node.func.attr == "load" and isinstance(owner, ast.Name) and owner.id in owners
