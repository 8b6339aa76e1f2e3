"""Pages as a visitor meets them: every relative link leads somewhere, every figure is that of a run file."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.page_figures import FIGURES
from tests.run_figures import Source, entry
from tests.test_repository import ROOT, tracked_files

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"")
FENCED = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
SKIPPED = re.compile(r"^(https?:|mailto:|attachment:|data:)")


@cache
def pages() -> tuple[Path, ...]:
    """Every Markdown page and notebook of the repository; parity data and shipped cards are pages too."""
    return tuple(path for path in tracked_files() if path.suffix in (".md", ".ipynb"))


def text_of(path: Path) -> str:
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return content
    cells = json.loads(content)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(text: str) -> set[str]:
    """Give the anchors of a page's headings as GitHub makes them, and those it sets itself."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    numbered = {name if not n else f"{name}-{n}" for name, last in found.items() for n in range(last + 1)}
    return numbered | set(re.findall(r"(?:id|name)=\"([^\"]+)\"", text))


def links(text: str) -> list[str]:
    return [first or second for first, second in LINK.findall(FENCED.sub("", text))]


def is_broken(link: str, page: Path) -> bool:
    if SKIPPED.match(link):
        return False
    place, _, anchor = unquote(link).partition("#")
    target = page if not place else (page.parent / place).resolve()
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and target.suffix in (".md", ".ipynb") and anchor not in anchors(text_of(target))


def test_every_relative_link_leads_somewhere():
    checked, broken = 0, []
    for page in pages():
        for link in links(text_of(page)):
            checked += not SKIPPED.match(link)
            broken += [f"{page.relative_to(ROOT)}: {link}"] if is_broken(link, page) else []
    assert not broken
    assert checked > 20


def test_a_broken_link_or_anchor_would_be_seen(tmp_path: Path):
    page = ROOT / "README.md"
    assert links('a [b](docs/no.md) ![c](d.png) `[e](f)` <img src="g.gif">') == [
        "docs/no.md",
        "d.png",
        "g.gif",
    ]
    assert not is_broken("docs/speed.md", page) and not is_broken("#limits", page)
    for wrong in ("docs/no.md", "#nowhere", "docs/speed.md#nowhere", "../elsewhere"):
        assert is_broken(wrong, page), wrong


def test_links_to_the_repository_itself_name_files_that_exist():
    pattern = re.compile(r"colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob/main/([^\s)\"']+)")
    for page in pages():
        for name in pattern.findall(text_of(page)):
            assert (ROOT / name).is_file(), f"{page.relative_to(ROOT)}: {name}"


@pytest.mark.parametrize(("page", "words", "sources"), FIGURES, ids=[row[1][:60] for row in FIGURES])
def test_a_figure_is_that_of_its_run(page: str, words: str, sources: list[Source]):
    told = " ".join(words.format(*(entry(source) for source in sources)).split())
    assert told in " ".join((ROOT / page).read_text(encoding="utf-8").split()), told


@pytest.mark.parametrize(
    "card", sorted((ROOT / "fommvg_lib" / "weights").glob("*/README.md")), ids=lambda card: card.parent.name
)
def test_a_model_card_tells_the_figures_of_its_run(card: Path):
    text, run = card.read_text(encoding="utf-8"), f"weights/{card.parent.name}"
    told = {
        name: float(value)
        for name, value in re.findall(r"^\| (\w+) \| (-?[\d.e+-]+) \|$", text, re.MULTILINE)
    }
    assert told and told == {name: pytest.approx(entry(f"{run} {name}"), rel=1e-3) for name in told}
    minutes = entry(f"{run}/manifest.json seconds") / 60
    assert f" steps in {minutes:.0f} minutes" in text
