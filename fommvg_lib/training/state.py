"""The state of a run on disk, for resuming: tensors in safetensors, all else in JSON.

`state/00001000/` holds networks, optimisers, step and config as they were after step 1000. A folder is
renamed into place when it is whole; the newest `keep` stay. Neither random state nor schedules are stored:
recipes derive both from (seed, step).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from fommvg_lib.files import InputError, atomic_folder
from fommvg_lib.training.recipe import Recipe


def save_state(folder: Path, recipe: Recipe, step: int, keep: int = 2) -> Path:
    """Store the state after `step` steps under `folder/state`, then drop the oldest beyond `keep`."""
    tensors: dict[str, Tensor] = {}
    rest: dict[str, Any] = {"step": step, "kind": recipe.kind, "config": recipe.config.to_dict()}
    for name, network in recipe.networks.items():
        tensors |= {f"network/{name}/{key}": value for key, value in network.state_dict().items()}
    rest["optimizers"] = {}
    for name, optimizer in recipe.optimizers.items():
        parts, rest["optimizers"][name] = _split_optimizer(optimizer)
        tensors |= {f"optimizer/{name}/{key}": value for key, value in parts.items()}
    target = folder / "state" / f"{step:08d}"
    with atomic_folder(target) as temporary:
        contiguous = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        save_file(contiguous, temporary / "tensors.safetensors")
        (temporary / "state.json").write_text(json.dumps(rest, indent=1), encoding="utf-8")
    for old in _stored(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def restore_state(folder: Path, recipe: Recipe) -> int:
    """Load the newest state into the recipe.

    Returns:
        The number of steps done; 0 if nothing is stored.

    Raises:
        InputError: if the stored run is of another kind or config, naming the first difference.
    """
    stored = _stored(folder)
    if not stored:
        return 0
    path = stored[-1]
    try:
        rest = json.loads((path / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(path / "tensors.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    _check_same(path, rest, recipe)
    for name, network in recipe.networks.items():
        network.load_state_dict(_under(tensors, f"network/{name}/"))
    for name, optimizer in recipe.optimizers.items():
        _join_optimizer(optimizer, _under(tensors, f"optimizer/{name}/"), rest["optimizers"][name])
    return int(rest["step"])


def has_state(folder: Path) -> bool:
    """Say whether a run in `folder` can be resumed."""
    return bool(_stored(folder))


def _stored(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "state").glob("[0-9]*") if path.is_dir())


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _check_same(path: Path, rest: dict[str, Any], recipe: Recipe) -> None:
    if rest["kind"] != recipe.kind:
        raise InputError(f"{path}: is a run of {rest['kind']}, not of {recipe.kind}")
    ours = recipe.config.to_dict()
    for name in sorted(ours.keys() | rest["config"].keys()):
        if name != "num_steps" and ours.get(name) != rest["config"].get(name):
            was, now = rest["config"].get(name), ours.get(name)
            raise InputError(f"{path}: the run was started with {name} = {was!r}, now {now!r}")


def _split_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part an optimiser's state into tensors (`index/key`) and plain values."""
    state = optimizer.state_dict()
    tensors, plain = {}, {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            (tensors if isinstance(value, Tensor) else plain)[f"{index}/{key}"] = value
    return tensors, {"groups": state["param_groups"], "plain": plain}


def _join_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], rest: dict[str, Any]) -> None:
    entries: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **rest["plain"]}.items():
        index, key = name.split("/", 1)
        entries.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": entries, "param_groups": rest["groups"]})
