"""What a set was prepared with: `preparation.json`, compared whenever its folder is worked on again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fommvg_lib.files import InputError, write_text
from fommvg_lib.preparation.manifest import MANIFEST

SETTINGS = "preparation.json"


def settle(out: Path, settings: Mapping[str, object], overwrite: bool) -> None:
    """Compare the settings with those of the set that is there, and write them down.

    Raises:
        InputError: if they differ and `overwrite` is off, or what is there cannot be read.
    """
    path = out / SETTINGS
    wanted = json.loads(json.dumps(settings))
    if path.exists() and not overwrite:
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if there != wanted:
            raise InputError(f"{out}: holds a set prepared with {_difference(there, wanted)}: --overwrite it")
    elif not path.exists() and not overwrite and (out / MANIFEST).exists():
        raise InputError(
            f"{out}: has a {MANIFEST} but no {SETTINGS}: --overwrite it, or choose another --out"
        )
    if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != wanted:
        write_text(path, json.dumps(wanted, indent=2, sort_keys=True) + "\n")


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
