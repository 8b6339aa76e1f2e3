"""What a set was prepared with: `preparation.json`, compared whenever its folder is worked on again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fommvg_lib.files import InputError, write_text
from fommvg_lib.preparation.manifest import MANIFEST

SETTINGS = "preparation.json"


def check_settings(out: Path, settings: Mapping[str, object]) -> None:
    """Compare the settings with those of the set that is there, if one is.

    Raises:
        InputError: if they differ, or what is there cannot be read.
    """
    path = out / SETTINGS
    wanted = _as_stored(settings)
    if path.exists():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if there != wanted:
            raise InputError(f"{out}: holds a set prepared with {_difference(there, wanted)}: --overwrite it")
    elif (out / MANIFEST).exists():
        raise InputError(
            f"{out}: has a {MANIFEST} but no {SETTINGS}: --overwrite it, or choose another --out"
        )


def write_settings(out: Path, settings: Mapping[str, object]) -> None:
    """Write the settings down, if they do not stand there already."""
    path, text = out / SETTINGS, json.dumps(_as_stored(settings), indent=2, sort_keys=True) + "\n"
    if not path.exists() or path.read_bytes() != text.encode():
        write_text(path, text)


def _as_stored(settings: Mapping[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(settings))


def _difference(there: object, wanted: Mapping[str, object]) -> str:
    if not isinstance(there, dict):
        return "other settings"
    flat = [_flatten(settings) for settings in (there, wanted)]
    names = sorted(name for name in flat[0].keys() | flat[1].keys() if flat[0].get(name) != flat[1].get(name))
    return ", ".join(f"{name} {flat[0].get(name)} (asked for: {flat[1].get(name)})" for name in names)


def _flatten(settings: Mapping[str, object]) -> dict[str, object]:
    flat = {}
    for name, value in settings.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat
