"""pytest plugin (`-p tests.notebooks.alone`): nbval runs each notebook alone, its results folder empty.

Behind the cell tagged `parameters` it sets OUT, as papermill does: the notebook's folder in a new, empty one.
So no notebook finds what another has left, nothing of the reader's own `results/course` is read or written,
and what a notebook leaves beside its folder is an error.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

RESULTS = pytest.StashKey[Path]()
"""Of a collected notebook: the folder in whose place `results/course` would be."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a notebook its empty folder before its cell of parameters runs."""
    cell = getattr(item, "cell", None)
    if cell is None or "parameters" not in cell.metadata.get("tags", []):
        return
    results = Path(tempfile.mkdtemp(prefix="fommvg-alone-"))
    item.parent.stash[RESULTS] = results
    cell.source += f"\nOUT = {str(results / item.path.stem)!r}"


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After a notebook's last cell: its files lie in its own folder; remove them."""
    notebook = item.parent
    is_last = nextitem is None or nextitem.parent is not notebook
    results = notebook.stash.get(RESULTS, None) if is_last and notebook is not None else None
    if results is None:
        return
    left = sorted(path.name for path in results.iterdir())
    shutil.rmtree(results)
    assert left == [item.path.stem], f"{item.path.name} was to leave only its own folder, but left {left}"
