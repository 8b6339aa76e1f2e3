"""`make test` runs every notebook alone: the plugin `alone` gives each an empty results folder."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell

from tests.notebooks.alone import pytest_runtest_setup, pytest_runtest_teardown

ROOT = Path(__file__).resolve().parents[2]
WRITES = "from pathlib import Path\nout = Path(OUT)\nout.mkdir()\n(out / 'file').touch()"


@pytest.fixture(autouse=True)
def temporary_folders_are_of_the_test(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def run(*sources: str) -> list[Path]:
    """Run notebooks of two cells, the parameters and a source, through the plugin; give their folders."""
    items = []
    for number, source in enumerate(sources):
        file = SimpleNamespace(stash=pytest.Stash())
        for code, tags in (("OUT = None", ["parameters"]), (source, [])):
            cell = new_code_cell(code, metadata={"tags": tags})
            items.append(SimpleNamespace(cell=cell, parent=file, path=Path(f"{number:02}_made.ipynb")))
    names, folders = {}, []
    for item, following in zip(items, [*items[1:], None], strict=True):
        pytest_runtest_setup(item)
        exec(item.cell.source, names.setdefault(item.path, {}))
        pytest_runtest_teardown(item, following)
        folders.append(Path(names[item.path]["OUT"]))
    return folders[::2]


def test_make_test_runs_the_notebooks_with_the_plugin():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (options,) = re.findall(r"^NBVAL := (.*)$", makefile, re.MULTILINE)
    assert "--nbval-lax" in options and "-p tests.notebooks.alone" in options
    assert "$(NBVAL) $(wildcard tests notebooks)" in makefile


def test_each_notebook_has_an_empty_folder_which_is_removed():
    first, second = run(WRITES, f"{WRITES}\nassert [p.name for p in out.parent.iterdir()] == [out.name]")
    assert first.parent != second.parent and (first.name, second.name) == ("00_made", "01_made")
    assert not first.parent.exists() and not second.parent.exists()


def test_a_notebook_that_needs_what_an_earlier_one_left_fails():
    with pytest.raises(FileNotFoundError):
        run(WRITES, f"{WRITES}\n(out.parent / '00_made' / 'file').read_bytes()")


def test_a_notebook_that_writes_beside_its_folder_fails():
    with pytest.raises(AssertionError, match="left .*other"):
        run(f"{WRITES}\n(out.parent / 'other').mkdir()")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_notebook_reads_the_course_s_folder_by_its_place(path: Path):
    assert "results/course" not in path.read_text(encoding="utf-8")
