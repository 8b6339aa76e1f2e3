"""Notebooks as they are committed: complete, small, executed in order, without anything personal."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXPECTED = {"00", "01", "02", "03", "04", "05", "06", "07", "08"}
PARAMETERS = {"PROFILE", "SEED", "OUT"}
MAX_CELL_LINES = 25
MAX_BYTES = 1_000_000
MAX_WORDS = 1_000
"""Of text; formulas, code, links and the list of references are not counted."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str | None = None) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if kind in (None, cell["cell_type"])]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def python_of(cell: dict) -> ast.Module:
    """Parse a cell; lines of shell and magic commands become `pass` at their indentation."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source(cell), flags=re.MULTILINE))


def test_the_course_is_complete():
    assert {path.name[:2] for path in NOTEBOOKS} >= EXPECTED


@each_notebook
def test_one_cell_of_literal_parameters(path: Path):
    tagged = [cell for cell in cells_of(path, "code") if "parameters" in tags(cell)]
    assert len(tagged) == 1
    names = set()
    for node in python_of(tagged[0]).body:
        assert isinstance(node, ast.Assign) and len(node.targets) == 1, "only NAME = literal"
        ast.literal_eval(node.value)
        names.add(node.targets[0].id)
    assert names >= PARAMETERS
    assert 'PROFILE = "smoke"' in source(tagged[0])


@each_notebook
def test_executed_in_order_or_stripped(path: Path):
    counts = [cell["execution_count"] for cell in cells_of(path, "code") if source(cell).strip()]
    assert counts == list(range(1, len(counts) + 1)) or not any(counts)


@each_notebook
def test_no_stored_errors(path: Path):
    for cell in cells_of(path, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", source(cell)
            assert not (output.get("name") == "stderr" and "Warning" in "".join(output["text"])), source(cell)


@each_notebook
def test_checked_cells_have_stored_outputs(path: Path):
    checked = [cell for cell in cells_of(path, "code") if "nbval-check-output" in tags(cell)]
    assert checked, "no cell is tagged nbval-check-output"
    for cell in checked:
        assert cell["outputs"], f"an empty output passes silently: {source(cell)}"


@each_notebook
def test_the_badge_opens_this_notebook(path: Path):
    spec = importlib.util.spec_from_file_location("slug", ROOT / ".ci" / "slug.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    link = (
        f"https://colab.research.google.com/github/{tool.current_slug(ROOT)}/blob/main/notebooks/{path.name}"
    )
    first = cells_of(path)[0]
    assert first["cell_type"] == "markdown"
    assert link in source(first)
    assert f"# {path.name[:2]} · " in source(first)


@each_notebook
def test_small_and_impersonal(path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MAX_BYTES
    found = re.search(r"(?<![\w./-])/(work|root|tmp|home|Users)/\w", text)
    assert not found, found.group(0)
    assert json.loads(text)["metadata"]["kernelspec"]["name"] == "python3"


@each_notebook
def test_cells_are_short_and_define_no_class(path: Path):
    is_exercise = False
    for cell in cells_of(path):
        if cell["cell_type"] == "markdown":
            is_exercise = is_exercise or "Exercises" in source(cell)
            continue
        assert len(source(cell).splitlines()) <= MAX_CELL_LINES, source(cell)
        has_class = any(isinstance(node, ast.ClassDef) for node in ast.walk(python_of(cell)))
        assert is_exercise or not has_class, source(cell)


@each_notebook
def test_every_path_is_found_from_the_root(path: Path):
    code = "\n".join(source(cell) for cell in cells_of(path, "code"))
    assert "ROOT = next(" in code and "fommvg_lib" in code


@each_notebook
def test_bad_input_is_told_in_one_line(path: Path):
    code = "\n".join(source(cell) for cell in cells_of(path, "code"))
    assert "\ntell_errors_in_one_line()" in code


@each_notebook
def test_text_is_short(path: Path):
    cells = [source(cell) for cell in cells_of(path, "markdown") if "References\n" not in source(cell)]
    assert len(cells) == len(cells_of(path, "markdown")) - 1
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`|\]\([^)]*\)", " ", "\n".join(cells), flags=re.DOTALL)
    assert 600 <= len(re.findall(r"[^\W\d_][\w'’.-]*", text)) <= MAX_WORDS


@each_notebook
def test_outside_a_checkout_its_first_cell_says_what_to_do(path: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = compile(python_of(cells_of(path, "code")[0]), path.name, "exec")
    with pytest.raises(SystemExit, match="inside a clone"):
        exec(first, {})
