"""Facts about whole-file writes."""

import pytest

from fommvg_lib.files import InputError, atomic_folder, atomic_path, sha256, write_text


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
