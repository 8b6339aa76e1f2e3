"""Fetching: whole or not at all, resumed, checked, and told in one line where it fails."""

from __future__ import annotations

import hashlib
import os
import sys
from types import SimpleNamespace

import pytest

from fommvg_lib.files import InputError, RunError
from fommvg_lib.weights import transfer
from fommvg_lib.weights.fetching import fetch, place_of
from fommvg_lib.weights.registry import Entry, PublishedFile
from tests.weights.server import serving

DATA = os.urandom(300_000)


@pytest.fixture
def site():
    with serving() as running:
        running.files["/a.bin"] = DATA
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr(transfer, "CHUNK", 10_000)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


def entry(*sources, **known):
    file = PublishedFile("a.bin", "https://example.org/page", tuple(sources), **known)
    return Entry("model", "fomm", "what", "MIT", file)


def get(wanted):
    return fetch(wanted, wanted.file)


def refused(wanted, *parts, kind=RunError):
    with pytest.raises(kind) as caught:
        get(wanted)
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text, text
    return text


def leftovers(cache):
    return sorted(path.name for path in (cache / "downloads" / "model").iterdir())


def test_a_file_comes_whole_and_leaves_nothing_else(site, cache):
    path = get(entry(site.url("/a.bin"), sha256=hashlib.sha256(DATA).hexdigest()))
    assert path == cache / "downloads" / "model" / "a.bin" and path.read_bytes() == DATA
    assert leftovers(cache) == ["a.bin"]


def test_what_is_there_is_not_fetched_again(site, cache):
    wanted = entry(site.url("/a.bin"))
    get(wanted)
    get(wanted)
    assert len(site.requests) == 1


def test_a_broken_connection_is_resumed_at_once(site, cache):
    site.breaks_after = [100_000, 50_000, None]
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_a_broken_fetch_goes_on_in_the_next_run(site, cache):
    site.breaks_after = [100_000, 0]
    refused(entry(site.url("/a.bin")), "broke after 0.1 MB", "goes on from there")
    assert not place_of(entry(), entry().file).exists()
    assert leftovers(cache) == ["a.bin.part", "a.bin.part.json"]
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA
    assert site.requests[-1] == ("/a.bin", "bytes=100000-", '"1"')


def test_a_fetch_that_the_user_interrupts_goes_on_later(site, cache, monkeypatch):
    def interrupt(bar, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfer.tqdm, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(entry(site.url("/a.bin")))
    assert leftovers(cache) == ["a.bin.part", "a.bin.part.json"]
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=10000-"]


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_bar_is_shown_where_it_is_asked_for(site, cache, capsys, is_shown):
    wanted = entry(site.url("/a.bin"))
    fetch(wanted, wanted.file, show_progress=is_shown)
    shown = "".join(capsys.readouterr())
    assert ("a.bin" in shown and "300k/300k" in shown) is is_shown


def test_a_file_that_changed_meanwhile_is_begun_anew(site, cache):
    site.breaks_after = [100_000, 0]
    refused(entry(site.url("/a.bin")))
    site.files["/a.bin"], site.etag = os.urandom(200_000), '"2"'
    assert get(entry(site.url("/a.bin"))).read_bytes() == site.files["/a.bin"]


def test_a_server_without_ranges_is_begun_anew(site, cache):
    site.has_ranges = False
    site.breaks_after = [100_000, 0]
    refused(entry(site.url("/a.bin")))
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA


def test_without_etag_nothing_is_resumed(site, cache):
    site.etag = None
    site.breaks_after = [100_000, 0]
    refused(entry(site.url("/a.bin")))
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA
    assert all(asked is None for _, asked, _ in site.requests)


def test_a_whole_part_is_taken_as_it_is(site, cache):
    site.breaks_after = [100_000, 0]
    refused(entry(site.url("/a.bin")))
    (cache / "downloads" / "model" / "a.bin.part").write_bytes(DATA)
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA


def test_a_part_of_another_address_is_not_mixed_in(site, cache):
    site.files["/b.bin"] = os.urandom(300_000)
    site.breaks_after = [100_000, 0, None]
    path = get(entry(site.url("/b.bin"), site.url("/a.bin")))
    assert path.read_bytes() == DATA


def test_corruption_is_noticed_and_the_next_source_tried(site, cache):
    site.files["/bad.bin"] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    digest = hashlib.sha256(DATA).hexdigest()
    path = get(entry(site.url("/bad.bin"), site.url("/a.bin"), sha256=digest))
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(
    "known",
    [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"num_bytes": 5}],
    ids=["sha256", "md5", "size"],
)
def test_a_file_that_is_not_the_known_one_is_not_kept(site, cache, known):
    refused(entry(site.url("/a.bin"), **known), "what came has", "instead of")
    assert leftovers(cache) == []


def test_the_first_fetchs_hash_holds_from_then_on(site, cache):
    path = get(entry(site.url("/a.bin")))
    record = path.with_name("a.bin.sha256")
    assert record.read_text() == f"{hashlib.sha256(DATA).hexdigest()}  a.bin\n"
    path.unlink()
    site.files["/a.bin"], site.etag = os.urandom(1000), '"2"'
    refused(entry(site.url("/a.bin")), "at the first fetch it was", record)
    record.unlink()
    assert get(entry(site.url("/a.bin"))).read_bytes() == site.files["/a.bin"]


def test_a_fetched_file_that_changed_is_refused(site, cache):
    path = get(entry(site.url("/a.bin")))
    path.write_bytes(DATA[:-1])
    refused(entry(site.url("/a.bin")), "at the first fetch it was", "remove it", kind=InputError)


def test_a_file_put_there_by_hand_is_taken(cache):
    wanted = entry("https://192.0.2.1/never-asked")
    path = place_of(wanted, wanted.file)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert get(wanted) == path


def test_a_web_page_instead_of_data_is_told(site, cache):
    page = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"
    site.files |= {"/typed": page, "/untyped": page}
    site.pages = {"/typed"}
    for path in ("/typed", "/untyped"):
        refused(entry(site.url(path)), 'answered with a web page ("Quota exceeded")')


@pytest.mark.parametrize(
    ("status", "told"), [(404, "not found"), (403, "quota"), (429, "quota"), (500, "failed")]
)
def test_a_refusal_is_told_with_the_way_by_hand(site, cache, status, told):
    site.status["/a.bin"] = status
    text = refused(entry(site.url("/a.bin")), f"127.0.0.1:{site.port}: ", told, f"({status})")
    assert f"with a browser from https://example.org/page, put it at {cache}/downloads/model/a.bin" in text


def test_no_network_is_told(cache, monkeypatch):
    with serving() as gone:
        pass
    refused(entry(gone.url("/a.bin")), "no connection", "Connection refused")


def test_all_sources_reasons_are_told(site, cache):
    site.status["/b"] = 403
    refused(entry(site.url("/none"), site.url("/b")), "not found (404)", "(403)")


def test_an_entry_without_source_says_where_it_is(cache):
    refused(entry(), "none is known", "https://example.org/page")


def test_an_encrypted_address_does_not_lead_to_a_plain_one(site):
    handler = transfer._StaysEncrypted()
    request = SimpleNamespace(full_url="https://example.org/a")
    with pytest.raises(transfer.SourceError, match="not encrypted"):
        handler.redirect_request(request, None, 302, "", {}, site.url("/a.bin"))


def test_a_redirection_is_followed(site, cache):
    site.redirects["/moved"] = site.url("/a.bin")
    assert get(entry(site.url("/moved"))).read_bytes() == DATA


def test_a_full_disk_is_told_before_it_is_full(site, cache, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    refused(entry(site.url("/a.bin")), "MB of disk")


def test_two_processes_do_not_fetch_the_same_file(site, cache):
    import fcntl

    folder = cache / "downloads" / "model"
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        refused(entry(site.url("/a.bin")), "another process")
    finally:
        os.close(handle)
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA


def test_a_cache_that_cannot_be_written_is_told(site, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path / "file"))
    refused(entry(site.url("/a.bin")), "cannot be written", kind=InputError)


def test_a_yandex_share_names_its_file(site, cache, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "fommvg_lib.weights.fetching.read_json", lambda url: asked.append(url) or {"href": "x"}
    )
    refused(entry("yandex:https://disk.yandex.com/d/abc"), "Yandex Disk: the share names no file")
    assert asked[0].endswith("public_key=https%3A%2F%2Fdisk.yandex.com%2Fd%2Fabc")


def fake_gdown(monkeypatch, download, listed=()):
    module = SimpleNamespace(download=download, download_folder=lambda **words: list(listed))
    monkeypatch.setitem(sys.modules, "gdown", module)


def test_drive_is_asked_through_gdown(cache, monkeypatch):
    asked = {}

    def download(**words):
        asked.update(words)
        with open(words["output"], "wb") as stream:
            stream.write(DATA)
        return words["output"]

    fake_gdown(monkeypatch, download)
    assert get(entry("drive:ABC")).read_bytes() == DATA
    assert asked["id"] == "ABC" and asked["quiet"] and asked["resume"]
    place_of(entry(), entry().file).unlink()
    fetch(entry("drive:ABC"), entry("drive:ABC").file, show_progress=True)
    assert not asked["quiet"]
    assert leftovers(cache) == ["a.bin", "a.bin.sha256"]


def test_a_drive_folder_is_searched_for_the_name(cache, monkeypatch):
    def download(**words):
        assert words["id"] == "the-id"
        with open(words["output"], "wb") as stream:
            stream.write(DATA)
        return words["output"]

    files = [SimpleNamespace(id="other", path="deep/b.bin"), SimpleNamespace(id="the-id", path="deep/a.bin")]
    fake_gdown(monkeypatch, download, files)
    assert get(entry("drive-folder:F")).read_bytes() == DATA
    fake_gdown(monkeypatch, download, files[:1])
    place_of(entry(), entry().file).unlink()
    refused(entry("drive-folder:F"), "Google Drive folder: has no a.bin (it shows b.bin)")


def test_drives_quota_is_told(cache, monkeypatch):
    def download(**words):
        raise RuntimeError("Too many users have viewed or downloaded\nthis file recently.")

    fake_gdown(monkeypatch, download)
    refused(entry("drive:ABC"), "Google Drive: gives no link: too many fetched the file lately (quota)")
    fake_gdown(monkeypatch, lambda **words: None)
    refused(entry("drive:ABC"), "(quota)")
    assert leftovers(cache) == []


def test_what_drive_gave_so_far_is_kept_for_gdown(cache, monkeypatch):
    def download(**words):
        with open(words["output"] + "abc.part", "wb") as stream:
            stream.write(DATA[:1000])
        raise RuntimeError("HTTPSConnectionPool(host='drive.google.com'): Max retries exceeded with url: /uc")

    fake_gdown(monkeypatch, download)
    refused(entry("drive:ABC"), "Google Drive: no connection")
    assert leftovers(cache) == ["a.bin.parts"]


def test_a_missing_gdown_is_told(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    refused(entry("drive:ABC"), "needs gdown (pip install gdown)")


def test_gdown_is_imported_for_drive_alone(site, cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    assert get(entry(site.url("/a.bin"))).read_bytes() == DATA
