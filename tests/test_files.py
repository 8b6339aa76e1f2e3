"""Facts about whole-file writes."""

import errno
import os
import threading

import pytest

from fommvg_lib.files import (
    PARTIAL,
    REPLACED,
    InputError,
    atomic_folder,
    atomic_path,
    remove_leftovers,
    sha256,
    write_text,
)


def test_written_file_appears_whole_and_alone(tmp_path):
    write_text(tmp_path / "deep" / "a.txt", "one")
    assert (tmp_path / "deep" / "a.txt").read_text() == "one"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_failed_folder_leaves_the_old_folder(tmp_path):
    target = tmp_path / "run"
    with atomic_folder(target) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target) as temporary:
        (temporary / "a").write_text("new")
        raise RuntimeError
    assert (target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_folder_is_replaced_as_a_whole(tmp_path):
    for names in (("a", "b"), ("c",)):
        with atomic_folder(tmp_path / "run") as temporary:
            for name in names:
                (temporary / name).touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_writing_below_a_file_is_the_users_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_sha256_of_empty_file(tmp_path):
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "empty").startswith("e3b0c44298fc1c14")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    write_text(tmp_path / "weights.safetensors", "whole")
    (tmp_path / ".hidden").touch()
    (tmp_path / f".weights.{PARTIAL}abc.safetensors").touch()
    (tmp_path / f".00000010.{PARTIAL}xyz").mkdir()
    (tmp_path / f".00000010.{PARTIAL}xyz" / "tensors.safetensors").touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "weights.safetensors"]
    remove_leftovers(tmp_path / "absent")


def test_leftovers_are_what_unfinished_writes_are_called(tmp_path):
    with atomic_path(tmp_path / "a.txt") as file, atomic_folder(tmp_path / "b") as folder:
        file.write_text("half")
        (folder / "part").touch()
        remove_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == []
        folder.mkdir()
        file.touch()


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_write_that_the_system_refuses_leaves_what_was_there(tmp_path, monkeypatch, failing):
    def refuse(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_text(tmp_path / "a.txt", "old")
    with atomic_folder(tmp_path / "b") as folder:
        (folder / "part").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, refuse)
        with pytest.raises(InputError, match="No space left"):
            write_text(tmp_path / "a.txt", "new")
        with pytest.raises(InputError, match="No space left"), atomic_folder(tmp_path / "b") as folder:
            (folder / "part").write_text("new")
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b" / "part").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b"]


def test_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    with atomic_folder(tmp_path / "b") as folder:
        (folder / "part").write_text("old")
    replace, calls = os.replace, []

    def refuse_the_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse_the_second)
        with pytest.raises(OSError, match="Input/output"), atomic_folder(tmp_path / "b") as folder:
            (folder / "part").write_text("new")
    assert (tmp_path / "b" / "part").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_folder_whose_replacement_was_killed_half_way_is_put_back(tmp_path):
    aside = tmp_path / f".b{REPLACED}xyz"
    (aside / "b").mkdir(parents=True)
    (aside / "b" / "part").write_text("old")
    (tmp_path / f".b.{PARTIAL}abc" / "b").mkdir(parents=True)  # the new one, not yet whole
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b" / "part").read_text() == "old"


def test_all_is_flushed_before_it_gets_its_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def watched_fsync(handle):
        events.append(("flush", os.fstat(handle).st_ino))
        fsync(handle)

    def watched_replace(source, target):
        replace(source, target)
        events.append(("rename", os.stat(target).st_ino))

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    with atomic_folder(tmp_path / "b") as folder:
        (folder / "one").write_text("1")
        (folder / "two").write_text("2")
    ours = {path.name: path.stat().st_ino for path in (tmp_path / "b").iterdir()}
    renamed = events.index(("rename", (tmp_path / "b").stat().st_ino))
    assert {("flush", number) for number in ours.values()} <= set(events[:renamed])
    assert events[renamed + 1 :] == [("flush", tmp_path.stat().st_ino)]


def test_files_have_the_permissions_that_the_umask_leaves(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    with atomic_folder(tmp_path / "b"):
        pass
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    for ours, plain in (("a.txt", "plain"), ("b", "folder")):
        assert (tmp_path / ours).stat().st_mode == (tmp_path / plain).stat().st_mode


def test_two_threads_that_write_leave_the_umask_alone(tmp_path):
    before = os.umask(0o027)
    try:
        threads = [
            threading.Thread(target=lambda i=i: [write_text(tmp_path / f"{i}-{n}", "x") for n in range(50)])
            for i in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
