"""Facts about weights folders."""

import json

import pytest
import torch

from fommvg_lib.checkpoints import load_weights, save_weights
from fommvg_lib.files import InputError
from fommvg_lib.weights import find_weights


@pytest.fixture
def folder(tmp_path):
    state = {"net.weight": torch.arange(6.0).view(2, 3), "other": torch.ones(1)}
    save_weights(tmp_path / "w", "fomm", {"num_kp": 10}, state, {"size": 64})
    return tmp_path / "w"


def test_round_trip_keeps_every_bit(folder):
    weights = load_weights(folder, "fomm")
    assert weights.config == {"num_kp": 10} and weights.info == {"size": 64}
    assert torch.equal(weights.part("net")["weight"], torch.arange(6.0).view(2, 3))


def test_other_kind_is_refused_by_name(folder):
    with pytest.raises(InputError, match="holds fomm weights, vp was expected"):
        load_weights(folder, "vp")


def test_changed_byte_is_noticed(folder):
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="sha256"):
        load_weights(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "fomm"}', "<html>"])
def test_foreign_description_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json"):
        load_weights(folder)


def test_newer_format_is_refused(folder):
    description = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**description, "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        load_weights(folder)


def test_missing_weights_say_where_was_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="cache"):
        find_weights("no-such-weights")


def test_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no config.json"):
        load_weights(tmp_path)
