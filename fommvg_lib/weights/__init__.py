"""Where weights are found: a folder given by path, the shipped ones by name, then the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from fommvg_lib.files import InputError

SHIPPED_FOLDER = Path(__file__).parent

DEFAULTS = {"fomm": "heads64-fomm", "vp": "heads64-vp", "fi": "heads64-fi"}
"""The shipped weights that stand in where none are named, by kind."""


def cache_folder() -> Path:
    """Give the user's folder for weights: `$FOMMVG_WEIGHTS`, else `~/.cache/fommvg/weights`."""
    return Path(os.environ.get("FOMMVG_WEIGHTS", Path.home() / ".cache" / "fommvg" / "weights"))


def shipped_names() -> list[str]:
    """Give the names of the shipped weights that are there."""
    return sorted(path.parent.name for path in SHIPPED_FOLDER.glob("*/config.json"))


def find_weights(name_or_path: str | Path) -> Path:
    """Find a weights folder.

    Args:
        name_or_path: a folder, or a name of shipped or cached weights.

    Raises:
        InputError: if there is none, listing where it looked.
    """
    given = Path(name_or_path)
    if given.is_dir():
        return given
    if given.exists():
        raise InputError(f"{given}: is a file; weights are a folder (weights.safetensors, config.json)")
    places = [SHIPPED_FOLDER / str(name_or_path), cache_folder() / str(name_or_path)]
    for place in places:
        if (place / "config.json").is_file():
            return place
    shipped = ", ".join(shipped_names()) or "none"
    raise InputError(
        f"{name_or_path}: no weights of that name or path (shipped: {shipped}; cache: {places[1].parent})"
    )
