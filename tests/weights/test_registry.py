"""The table of published weights, and what the command line makes of it."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import torch

from fommvg_lib.__main__ import main
from fommvg_lib.checkpoints import load_weights
from fommvg_lib.commands.weights import KINDS as OFFERED
from fommvg_lib.config.presets import PRESETS
from fommvg_lib.files import InputError
from fommvg_lib.importing import KINDS
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.weights import DEFAULTS, find_weights, registry, shipped_names
from fommvg_lib.weights.registry import HELPER_KINDS, find_entry, read_registry
from tests.importing.published import components_file, fi_file, vp_file
from tests.weights.server import serving

ENTRIES = read_registry()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(capsys, *words):
    try:
        status = main(["weights", *map(str, words)])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_is_complete(entry):
    files = [entry.file, *([entry.components] if entry.components else [])]
    for file in files:
        assert "/" not in file.name and file.sources and file.page.startswith("https://")
        for source in file.sources:
            assert re.match(r"https://\S+$|drive(-folder)?:[\w-]+$|yandex:https://\S+$", source), source
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)
    assert entry.what and entry.licence
    assert entry.kind in ("fomm", "tpsmm", "vp", "fi", *HELPER_KINDS)
    assert (entry.components is not None) == (entry.kind == "vp")
    if entry.kind == "fomm":
        assert PRESETS[entry.config].size == entry.size


def test_names_are_not_those_of_shipped_weights():
    assert not ENTRIES.keys() & set(shipped_names())


def test_the_command_offers_the_kinds_that_can_be_imported():
    assert set(OFFERED) == set(KINDS)


def test_an_unknown_name_is_told():
    with pytest.raises(InputError, match="no published weights of that name .*tpsmm-vox"):
        find_entry("vox")


def test_weights_that_were_not_fetched_say_how():
    with pytest.raises(InputError, match="not fetched yet: fommvg weights fetch fomm-vox"):
        find_weights("fomm-vox")


def test_a_file_given_as_weights_says_how_to_import_it(tmp_path):
    (tmp_path / "vox.pth.tar").touch()
    with pytest.raises(InputError, match="fommvg weights import"):
        find_weights(tmp_path / "vox.pth.tar")


def test_list_shows_shipped_and_published(capsys):
    status, out, _ = run(capsys, "list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert status == 0 and set(DEFAULTS.values()) | ENTRIES.keys() <= lines.keys()
    assert "shipped" in lines["heads64-fomm"] and "to fetch" in lines["tpsmm-vox"]
    assert "unknown" in lines["fomm-vox"] and "md5" in lines["fomm-vox-adv"]
    rows = json.loads(run(capsys, "list", "--json")[1])
    assert {row["name"]: row["licence"] for row in rows}["tpsmm-vox"] == "MIT"


def test_list_shows_a_broken_folder_and_goes_on(cache, capsys):
    (cache / "mine").mkdir(parents=True)
    (cache / "mine" / "config.json").write_text("{")
    status, out, _ = run(capsys, "list")
    assert status == 0 and "broken" in next(line for line in out.splitlines() if line.startswith("mine"))
    assert "heads64-fomm" in out


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site with VP and FI files, and a registry that names them."""
    torch.manual_seed(0)
    vp_file(tmp_path / "vp_best.pth")
    fi_file(tmp_path / "fi_best.pth")
    components_file(tmp_path / "pca.npy")
    monkeypatch.delenv("http_proxy", raising=False)
    with serving() as running:
        for name in ("vp_best.pth", "fi_best.pth", "pca.npy"):
            running.files[f"/{name}"] = (tmp_path / name).read_bytes()
        digest = hashlib.sha256(running.files["/vp_best.pth"]).hexdigest()
        table = f"""
[my-vp]
kind = "vp"
what = "prediction"
licence = "none stated"
[my-vp.file]
name = "vp_best.pth"
sha256 = "{digest}"
page = "https://example.org"
sources = ["{running.url("/none")}", "{running.url("/vp_best.pth")}"]
[my-vp.components]
name = "pca.npy"
page = "https://example.org"
sources = ["{running.url("/pca.npy")}"]
[my-fi]
kind = "fi"
what = "interpolation"
licence = "none stated"
[my-fi.file]
name = "fi_best.pth"
page = "https://example.org"
sources = ["{running.url("/fi_best.pth")}"]
[my-tpsmm]
kind = "unheard-of"
what = "another"
licence = "MIT"
[my-tpsmm.file]
name = "vox.pth.tar"
page = "https://example.org"
sources = []
"""
        (tmp_path / "registry.toml").write_text(table, encoding="utf-8")
        monkeypatch.setattr(registry, "TABLE", tmp_path / "registry.toml")
        yield running


def test_fetch_makes_weights_that_are_found_by_name(site, cache, capsys):
    status, out, _ = run(capsys, "fetch", "my-vp", "--json")
    written = json.loads(out)["written"]
    assert status == 0 and written[0]["path"] == str(cache / "my-vp") and written[0]["kind"] == "vp"
    model = load_motion_generator(find_weights("my-vp"))
    assert model.kind == "vp" and model.form == "legacy"
    info = json.loads((cache / "my-vp" / "config.json").read_text())["info"]
    assert info["name"] == "my-vp" and info["licence"] == "none stated"
    assert "fetched" in run(capsys, "list")[1]


def test_fetch_again_asks_nobody(site, capsys):
    run(capsys, "fetch", "my-fi")
    count = len(site.requests)
    status, out, _ = run(capsys, "fetch", "my-fi")
    assert status == 0 and "there: " in out and len(site.requests) == count


def test_fetch_writes_where_it_is_told(site, tmp_path, capsys):
    assert run(capsys, "fetch", "my-fi", "--out", tmp_path / "here")[0] == 0
    assert load_motion_generator(tmp_path / "here").kind == "fi"


def test_fetch_shows_no_bar_in_a_pipe(site, capsys):
    assert run(capsys, "fetch", "my-fi")[2] == ""


def test_weights_that_are_there_are_not_overwritten(site, tmp_path, cache, capsys):
    run(capsys, "fetch", "my-fi")
    words = ("import", tmp_path / "fi_best.pth", "--as", "fi", "--out", cache / "my-fi")
    status, _, err = run(capsys, *words)
    assert status == 2 and "holds weights already" in err
    (cache / "my-fi").rename(tmp_path / "other")
    text = (tmp_path / "other" / "config.json").read_text().replace('"my-fi"', '"mine"')
    (tmp_path / "other" / "config.json").write_text(text)
    status, _, err = run(capsys, "fetch", "my-fi", "--out", tmp_path / "other")
    assert status == 2 and "holds other weights already (mine)" in err


def test_a_failed_fetch_is_one_line_and_status_1(site, cache, capsys):
    site.files.clear()
    status, out, err = run(capsys, "fetch", "my-fi")
    assert status == 1 and out == "" and err.count("\n") == 1
    assert "not found (404)" in err and f"put it at {cache}/downloads/my-fi/fi_best.pth" in err


def test_an_unknown_name_or_kind_is_one_line_and_status_2(site, capsys):
    for name, told in (("my-vpp", "no published weights"), ("my-tpsmm", "cannot be imported")):
        status, _, err = run(capsys, "fetch", name)
        assert status == 2 and err.count("\n") == 1 and told in err


def test_a_file_put_there_by_hand_is_imported(site, tmp_path, cache, capsys):
    place = cache / "downloads" / "my-fi" / "fi_best.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(site.files.pop("/fi_best.pth"))
    assert run(capsys, "fetch", "my-fi")[0] == 0 and find_weights("my-fi") == cache / "my-fi"


def test_import_checks_the_registrys_hash_by_the_files_name(site, tmp_path, capsys):
    vp_file(tmp_path / "vp_best.pth", epoch=1)
    words = ("--as", "vp", "--pca", tmp_path / "pca.npy", "--out", tmp_path / "vp")
    status, _, err = run(capsys, "import", tmp_path / "vp_best.pth", *words)
    assert status == 2 and "has sha256" in err and "as my-vp has" in err
    (tmp_path / "vp_best.pth").rename(tmp_path / "mine.pth")
    status, out, err = run(capsys, "import", tmp_path / "mine.pth", *words)
    assert status == 0 and f"wrote {tmp_path / 'vp'} (kind vp" in out and "note: " in err


def test_info_shows_what_was_imported(site, capsys):
    run(capsys, "fetch", "my-fi")
    status, out, _ = run(capsys, "info", "my-fi")
    assert status == 0 and "kind     fi" in out and "licence  none stated" in out


def test_import_refuses_in_one_line(tmp_path, capsys):
    (tmp_path / "page.pth").write_bytes(b"<html><title>Sign in</title></html>")
    cases = (
        ("fi", "page.pth: is a web page"),
        ("frgan", "page.pth: is a web page"),
        ("gan", "invalid choice: 'gan'"),
    )
    for kind, told in cases:
        words = ("import", tmp_path / "page.pth", "--as", kind, "--out", tmp_path / "out")
        status, out, err = run(capsys, *words)
        assert status == 2 and err.count("\n") == 1 and told in err and out == "", err
    assert not (tmp_path / "out").exists()


def test_import_takes_the_exchange_of_encoders_from_the_command_line(site, tmp_path, capsys):
    words = ("import", tmp_path / "vp_best.pth", "--as", "vp", "--pca", tmp_path / "pca.npy", "--out")
    assert run(capsys, *words, tmp_path / "kept")[0] == 0
    assert run(capsys, *words, tmp_path / "swapped", "--legacy-swap")[0] == 0
    kept, swapped = (load_weights(tmp_path / name).part("network") for name in ("kept", "swapped"))
    for name in ("layers.0.weight", "layers.4.bias"):
        assert torch.equal(swapped[f"ench.{name}"], kept[f"encc.{name}"])
        assert torch.equal(swapped[f"encc.{name}"], kept[f"ench.{name}"])


def test_garbage_is_not_remembered_as_the_right_file(site, cache, capsys):
    good, site.files["/fi_best.pth"] = site.files["/fi_best.pth"], b"garbage" * 1000
    status, _, err = run(capsys, "fetch", "my-fi")
    path = cache / "downloads" / "my-fi" / "fi_best.pth"
    assert status == 2 and err.count("\n") == 1
    assert f"{path}: is no torch file" in err and "remove that file to have it fetched anew" in err
    site.files["/fi_best.pth"], site.etag = good, '"2"'
    path.unlink()
    assert run(capsys, "fetch", "my-fi")[0] == 0
    assert path.with_name("fi_best.pth.sha256").read_text().startswith(hashlib.sha256(good).hexdigest())


def test_sizes_are_listed_where_they_are_known(capsys):
    rows = {row["name"]: row for row in json.loads(run(capsys, "list", "--json")[1])}
    assert rows["heads64-fomm"]["bytes"] > 10**6 and rows["tpsmm-vox"]["bytes"] is None
    lines = {line.split()[0]: line for line in run(capsys, "list")[1].splitlines()}
    assert lines["tpsmm-vox"].split()[2:7] == ["to", "fetch", "256", "unknown", "unknown"]


def test_a_foreign_folder_cannot_steer_the_terminal(site, cache, capsys):
    run(capsys, "fetch", "my-fi")
    path = cache / "my-fi" / "config.json"
    description = json.loads(path.read_text())
    description["info"] |= {"what": "\x1b[2Jgone\nnext", "licence": "\x9b2J"}
    path.write_text(json.dumps(description))
    for words in (("list",), ("info", "my-fi")):
        out = run(capsys, *words)[1]
        assert "\x1b" not in out and "\x9b" not in out and r"\x1b[2Jgone\nnext" in out
    description["kind"] = "\x1b[2J"
    path.write_text(json.dumps(description))
    err = run(capsys, "fetch", "my-fi")[2]
    assert "\x1b" not in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["kind", "config", "sha256", "info"])
def test_a_description_of_other_types_is_one_line(site, cache, capsys, name):
    run(capsys, "fetch", "my-fi")
    path = cache / "my-fi" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: 5}))
    status, _, err = run(capsys, "info", "my-fi")
    assert status == 2 and err.count("\n") == 1 and f"its {name} is not" in err
