"""Helpers: found in the cache when whole, fetched on request, no weights of anything."""

from __future__ import annotations

import hashlib
import json

import pytest

from fommvg_lib.__main__ import main
from fommvg_lib.files import InputError
from fommvg_lib.weights import find_weights, registry
from fommvg_lib.weights.helpers import find_helper
from tests.weights.server import serving

MODEL = b"a small network" * 100


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A registry with one helper, and a server that has it."""
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as running:
        running.files["/net.onnx"] = MODEL
        (tmp_path / "table.toml").write_text(
            f"""
[finder]
kind = "face-detector"
what = "finds faces"
licence = "MIT"
[finder.file]
name = "net.onnx"
bytes = {len(MODEL)}
sha256 = "{hashlib.sha256(MODEL).hexdigest()}"
page = "https://example.org"
sources = ["{running.url("/net.onnx")}"]
"""
        )
        monkeypatch.setattr(registry, "TABLE", tmp_path / "table.toml")
        yield running


def test_a_helper_is_absent_until_it_is_fetched(site, capsys):
    assert find_helper("finder") is None
    assert main(["weights", "fetch", "finder"]) == 0
    assert find_helper("finder").read_bytes() == MODEL
    assert "net.onnx" in capsys.readouterr().out


def test_the_list_says_whether_it_was_fetched(site, capsys):
    for state in ("to fetch", "fetched"):
        assert main(["weights", "list", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows["finder"]["state"] == state
        assert main(["weights", "fetch", "finder"]) == 0
        capsys.readouterr()


def test_a_damaged_helper_is_refused_and_mended_is_found(site):
    main(["weights", "fetch", "finder"])
    path = find_helper("finder")
    path.write_bytes(MODEL[:-1])
    with pytest.raises(InputError, match="net.onnx: has .* bytes instead of"):
        find_helper("finder")
    path.write_bytes(MODEL)
    assert find_helper("finder") == path


def test_a_helper_is_no_weights_folder_and_has_its_place(site, tmp_path, capsys):
    with pytest.raises(InputError, match="face-detector helper"):
        find_weights("finder")
    assert main(["weights", "fetch", "finder", "--out", str(tmp_path / "elsewhere")]) == 2
    assert "--out" in capsys.readouterr().err and not (tmp_path / "elsewhere").exists()
