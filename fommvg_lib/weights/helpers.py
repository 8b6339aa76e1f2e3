"""Small published models that help, such as a face detector: used as they are when they lie in the cache.

The registry names them like weights; `fommvg weights fetch NAME` brings them, or they are put there by hand.
Nothing is fetched unasked.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fommvg_lib.files import InputError
from fommvg_lib.weights.fetching import place_of
from fommvg_lib.weights.registry import find_entry


def find_helper(name: str) -> Path | None:
    """Give a helper's file, or None if it is not there.

    Raises:
        InputError: if the registry has no such name, or the file that is there is another.
    """
    entry = find_entry(name)
    path = place_of(entry, entry.file)
    if not path.is_file():
        return None
    facts = path.stat()
    problem = _difference(name, path, facts.st_size, facts.st_mtime_ns)
    if problem:
        raise InputError(f"{path}: {problem}; remove it, or fetch it anew (fommvg weights fetch {name})")
    return path


@cache
def _difference(name: str, path: Path, num_bytes: int, changed_ns: int) -> str | None:
    """Compare with the registry, once for each state of the file."""
    return find_entry(name).file.difference(path)
