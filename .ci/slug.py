"""Move the repository to another owner/name: `make slug SLUG=owner/name`.

`[project.urls] Repository` in pyproject.toml is the one source. Every mention derived from it (badges, clone
cells, citation) is rewritten in the text files that git would track.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOSTS = (
    r"github\.com[/:]",
    r"raw\.githubusercontent\.com/",
    r"colab\.research\.google\.com/github/",
    r"img\.shields\.io/github/[\w/]+/",
)
PATTERNS = (
    "*.md",
    "*.cff",
    "*.toml",
    "*.yml",
    "notebooks/*.ipynb",
    ".github/workflows/*.yml",
    "data_prep/*.md",
)
SLUG = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def current_slug(root: Path) -> str:
    """Read owner/name from pyproject.toml."""
    urls = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    return "/".join(urls["Repository"].rstrip("/").split("/")[-2:])


def files_with_mentions(root: Path) -> Iterator[Path]:
    """List the files that may name the repository."""
    for pattern in PATTERNS:
        yield from sorted(root.glob(pattern))


def mentions(slug: str) -> re.Pattern[str]:
    """Give the pattern of a mention: a known host, then exactly this owner/name."""
    return re.compile(rf"({'|'.join(HOSTS)}){re.escape(slug)}(?![\w-]|\.(?!git\b)\w)")


def change_slug(root: Path, new: str) -> list[Path]:
    """Rewrite every mention; give the files that changed.

    Raises:
        ValueError: if `new` is not owner/name.
    """
    if not SLUG.fullmatch(new):
        raise ValueError(f"{new!r} is not owner/name")
    pattern, changed = mentions(current_slug(root)), []
    for path in files_with_mentions(root):
        before = path.read_text(encoding="utf-8")
        after = pattern.sub(lambda match: match.group(1) + new, before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make slug SLUG=owner/name")
    try:
        for changed_path in change_slug(ROOT, sys.argv[1]):
            print(changed_path.relative_to(ROOT))
    except ValueError as error:
        sys.exit(str(error))
