"""What a resumed run must share with the one that was broken off: kind, config, data, way of training.

The length of the run may change where no learning rate so far depends on it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fommvg_lib.files import InputError
from fommvg_lib.training.recipe import Recipe

LENGTH_FIELDS = ("num_steps", "num_epochs")
"""Settings that say where a run ends."""


def check_same(path: Path, rest: dict[str, Any], recipe: Recipe, kept: Mapping[str, Any]) -> None:
    """Compare a checkpoint's description with what trains now.

    Args:
        path: the checkpoint, for the message.
        rest: its description.
        recipe: what trains now.
        kept: settings of the run that a resumed run must share.

    Raises:
        InputError: naming each difference.
    """
    if rest["kind"] != recipe.kind:
        raise InputError(f"{path}: is a run of {rest['kind']}, not of {recipe.kind}")
    was, now = _flat(rest["config"]), _flat(recipe.config.to_dict())
    same_length = rest["rates"] == rates_digest(recipe, rest["step"])
    names = [n for n in sorted(was.keys() | now.keys()) if not (same_length and n in LENGTH_FIELDS)]
    changes = [f"{n} was {was.get(n)!r}, now {now.get(n)!r}" for n in names if was.get(n) != now.get(n)]
    was, now = {"data": rest["data"], **rest["kept"]}, {"data": recipe.data, **kept}
    changes += [f"{n} was {was[n]!r}, now {now.get(n)!r}" for n in was if was[n] != now.get(n)]
    if changes:
        hint = "" if same_length else " (the learning rates so far depend on the length of the run)"
        raise InputError(f"{path}: the run was started otherwise: {'; '.join(changes)}{hint}")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write nested settings with dots, as on the command line."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def rates_digest(recipe: Recipe, step: int) -> str:
    """Give a hash of the learning-rate factors of the steps done."""
    factors = [recipe.learning_rate_factor(done) for done in range(step)]
    return hashlib.sha256(struct.pack(f"{step}d", *factors)).hexdigest()
