"""The results page: `index.html` over run folders, readable without a server and without the internet.

A run folder is any folder with a `manifest.json` (see `run_record`). Shown of each: videos and pictures,
curves, figures, and where they come from. Media are linked by relative path; nothing else is asked for.
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from urllib.parse import quote

import fommvg_lib
from fommvg_lib.files import InputError, write_text
from fommvg_lib.results_page.cards import Run, cards
from fommvg_lib.results_page.tables import count, duration
from fommvg_lib.run_record import read_json

TEMPLATE = Path(__file__).with_name("template.html")
MAX_DEPTH = 3


def build_results_page(results_folder: str | Path) -> Path:
    """Write `index.html` into a folder of runs.

    Args:
        results_folder: `results/`, or any folder with run folders at most three levels below.

    Returns:
        The page's path.

    Raises:
        InputError: if the folder is missing, or a run's JSON or CSV file cannot be read (named).
    """
    root = Path(results_folder)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of results")
    runs = find_runs(root)
    course = [run for run in runs if "course" in run.manifest]
    sections = [("Course", _course_table(root, course) + cards(root, course))] if course else []
    others = [run for run in runs if "course" not in run.manifest]
    for task in sorted({str(run.manifest.get("task", "other")) for run in others}):
        chosen = [run for run in others if str(run.manifest.get("task", "other")) == task]
        sections.append((task.replace("_", " ").capitalize(), cards(root, chosen)))
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        lead=f"{count(len(runs), 'run')}, {count(len(sections), 'section')}." if runs else "No run yet.",
        nav="".join(f'<a href="#{_anchor(title)}">{html.escape(title)}</a>' for title, _ in sections),
        sections="".join(
            f'<section id="{_anchor(title)}"><h2>{html.escape(title)}</h2>{body}</section>'
            for title, body in sections
        ),
        version=fommvg_lib.__version__,
    )
    write_text(root / "index.html", text)
    return root / "index.html"


def find_runs(root: Path) -> list[Run]:
    """Read every run folder below `root`, in order of path.

    Raises:
        InputError: naming a JSON file that cannot be read.
    """
    manifests = [
        path for depth in range(1, MAX_DEPTH + 1) for path in root.glob("*/" * depth + "manifest.json")
    ]
    folders = {path.parent for path in manifests}
    runs = []
    for folder in sorted(folders):
        owned = [path for path in folder.rglob("*") if path.is_file() and _owner(path, folders) == folder]
        metrics, config = folder / "metrics.json", folder / "config.json"
        runs.append(
            Run(
                folder,
                read_json(folder / "manifest.json"),
                read_json(metrics) if metrics.is_file() else {},
                read_json(config) if config.is_file() else None,
                tuple(sorted(owned)),
            )
        )
    return runs


def _owner(path: Path, folders: set[Path]) -> Path:
    return next(parent for parent in path.parents if parent in folders)


def _course_table(root: Path, runs: list[Run]) -> str:
    longest = max(run.manifest["course"]["seconds"] for run in runs) or 1.0
    rows = []
    for run in runs:
        note = run.manifest["course"]
        link = quote((run.folder / "notebook.ipynb").relative_to(root).as_posix())
        state = '<span class="done">ran through</span>'
        if note["error"]:
            state = f'<span class="failed">{html.escape(note["error"])}</span>'
        rows.append(
            f'<tr><td><a href="{link}">{html.escape(note["notebook"])}</a></td><td>{state}</td>'
            f'<td class="number">{note["seconds"]:.1f} s</td>'
            f'<td class="bar"><i style="width: {100 * note["seconds"] / longest:.0f}%"></i></td></tr>'
        )
    total = sum(run.manifest["course"]["seconds"] for run in runs)
    profiles = " and ".join(sorted({run.manifest["course"]["profile"] for run in runs}))
    lead = (
        f'<p class="soft">{count(len(runs), "notebook")}, profile {profiles}, {duration(total)} in all.</p>'
    )
    return f'<article>{lead}<div class="scroll"><table class="times">{"".join(rows)}</table></div></article>'


def _anchor(title: str) -> str:
    return quote(title.lower().replace(" ", "-"))
