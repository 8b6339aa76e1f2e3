"""What a reader finds at a notebook's head and end: a picture, time and memory, solutions apart."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.run_figures import entry

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WITH_PICTURE = [path for path in NOTEBOOKS if "01" <= path.name[:2]]
MAX_PICTURE_BYTES = 100_000


def text_of(path: Path, kind: str) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)


def solutions_of(path: Path) -> dict[str, str]:
    """Give the solutions of a notebook by number."""
    page = (ROOT / "docs" / "solutions.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {path.name[:2]} · .*?\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^(\d)\. (.*?)(?=^\d\. |\Z)", section, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("path", WITH_PICTURE, ids=lambda path: path.stem)
def test_it_opens_with_a_small_moving_picture_that_is_there(path: Path):
    (picture,) = re.findall(r"!\[[^\]]{20,}\]\((pictures/[^)]+)\)", text_of(path, "markdown"))
    assert picture == f"pictures/{path.stem}.gif" and f"notebooks/{picture}" in text_of(path, "code")
    file = path.parent / picture
    assert file.stat().st_size <= MAX_PICTURE_BYTES
    with Image.open(file) as image:
        assert image.n_frames > 8


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_the_time_and_the_memory_that_it_takes(path: Path):
    (row,) = re.findall(r"\| \*\*Time, memory\*\* \| (.*) \|", text_of(path, "markdown"))
    found = entry(f"bench/course notebooks.{path.stem}")
    seconds = 5 * round(found["processor_seconds"] / 5)  # to 5 s: more would only be noise
    assert row.startswith(f"smoke: {seconds} seconds of a CPU core, {found['peak_gb']:.1f} GB · ")
    assert "colab" in row and "full" in row


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_exercise_is_worked_out_apart(path: Path):
    text = text_of(path, "markdown")
    exercises = re.findall(r"^(\d)\. ", text[text.index("· Exercises") :], re.MULTILINE)
    assert exercises and solutions_of(path).keys() == set(exercises)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_hold_the_numbers_that_the_cells_compute(path: Path):
    solutions = solutions_of(path)
    code = re.sub(r"^(\s*)[%!].*$", r"\1pass", text_of(path, "code"), flags=re.MULTILINE)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compare_answer":
            number, _, expected = (ast.unparse(argument) for argument in node.args[:3])
            try:
                value = eval(expected, {"__builtins__": {}}, {"round": round, "max": max})
            except (NameError, TypeError):
                continue  # computed from what the notebook has made
            if not isinstance(value, str):
                assert str(value) in solutions[number], f"exercise {number}: {value}"
