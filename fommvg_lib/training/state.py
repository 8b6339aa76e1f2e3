"""Checkpoints: the state of a run on disk; tensors in safetensors, all else in JSON.

`state/00001000/` holds networks, running means, optimisers, step and config as they were after step 1000. A
folder is written aside, flushed and renamed into place when it is whole. Neither random state nor schedules
are stored: recipes derive both from (seed, step).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from fommvg_lib.files import InputError, RunError, atomic_folder, sha256
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.same_run import check_same, rates_digest

STATE = "state"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps done.
        best: step and value of the best validation figure so far, by name of the figure.
    """

    step: int = 0
    best: dict[str, tuple[int, float]] = field(default_factory=dict)


def save_state(folder: Path, recipe: Recipe, progress: Progress, kept: Mapping[str, Any], keep: int) -> Path:
    """Store a checkpoint under `folder/state`, then drop the oldest beyond `keep`, except the best.

    Args:
        folder: the run folder.
        recipe: what trains.
        progress: how far it is.
        kept: settings of the run that a resumed run must share.
        keep: how many checkpoints stay.

    Raises:
        RunError: if it cannot be written; older checkpoints are untouched.
    """
    target = _path(folder, progress.step)
    with told(folder, target), atomic_folder(target) as temporary:
        _write(temporary, recipe, progress, kept)
    tidy_states(folder, progress, keep)
    return target


def tidy_states(folder: Path, progress: Progress, keep: int) -> None:
    """Drop the oldest checkpoints beyond `keep`, except the best; rename those later than the progress.

    Later ones were damaged and passed over; they must not count among those that are kept.
    """
    for path in stored_states(folder):
        if int(path.name) > progress.step:
            aside = path.with_name(f"damaged-{path.name}")
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
    best = {_path(folder, step) for step, _ in progress.best.values()}
    for old in stored_states(folder)[:-keep]:
        if old not in best:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def told(folder: Path, target: Path) -> Iterator[None]:
    """Turn a failure to write (a full disk, say) into one line that names the checkpoint to go on from.

    Args:
        folder: the run folder.
        target: what the block writes.

    Raises:
        RunError: in place of the failure.
    """
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:
        reasons = (getattr(one, "strerror", None) for one in (error, error.__cause__))
        reason = next(filter(None, reasons), error)
        whole = [int(path.name) for path in stored_states(folder) if path != target]
        left = f"the checkpoint after step {whole[-1]} is intact" if whole else "there is no checkpoint yet"
        hint = ", --resume goes on from there" if whole else ""
        raise RunError(f"{target}: cannot be written ({reason}); {left}{hint}") from error


def _write(folder: Path, recipe: Recipe, progress: Progress, kept: Mapping[str, Any]) -> None:
    tensors: dict[str, Tensor] = {}
    for part, networks in (("network", recipe.networks), ("average", recipe.averages)):
        for name, network in networks.items():
            tensors |= {f"{part}/{name}/{key}": value for key, value in network.state_dict().items()}
    optimizers = {}
    for name, optimizer in recipe.optimizers.items():
        parts, optimizers[name] = _split_optimizer(optimizer)
        tensors |= {f"optimizer/{name}/{key}": value for key, value in parts.items()}
    path = folder / "tensors.safetensors"
    save_file({key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, path)
    rest = {
        "step": progress.step,
        "kind": recipe.kind,
        "config": recipe.config.to_dict(),
        "num_steps": recipe.num_steps,
        "data": recipe.data,
        "kept": dict(kept),
        "rates": rates_digest(recipe, progress.step),
        "best": progress.best,
        "optimizers": optimizers,
        "sha256": sha256(path),
    }
    (folder / "state.json").write_text(json.dumps(rest, indent=1), encoding="utf-8")


def restore_state(folder: Path, recipe: Recipe, kept: Mapping[str, Any]) -> tuple[Progress, list[str]]:
    """Load the newest whole checkpoint into the recipe.

    Returns:
        How far the run is (step 0 if nothing is stored), and a line for each damaged checkpoint passed over.

    Raises:
        InputError: if the stored run is of another kind, config, data or way of training, naming each
            difference; or if all checkpoints are damaged.
    """
    damage: list[str] = []
    for path in reversed(stored_states(folder)):
        try:
            rest, tensors = _read(path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            damage.append(f"{path}: damaged ({error}), passed over")
            continue
        check_same(path, rest, recipe, kept)
        _fill(recipe, rest, tensors)
        best = {name: (int(step), float(value)) for name, (step, value) in rest["best"].items()}
        return Progress(int(rest["step"]), best), damage
    if damage:
        raise InputError(f"{folder}: none of its checkpoints can be read; first {damage[0]}")
    return Progress(), []


def check_same_run(folder: Path, recipe: Recipe, kept: Mapping[str, Any]) -> None:
    """Check that the newest checkpoint with a readable description is of this run; its tensors are not read.

    Raises:
        InputError: naming each difference.
    """
    for path in reversed(stored_states(folder)):
        try:
            rest = _description(path)
        except (OSError, ValueError):
            continue
        check_same(path, rest, recipe, kept)
        return


def stored_states(folder: Path) -> list[Path]:
    """List the checkpoints of a run folder, oldest first."""
    return sorted(path for path in (folder / STATE).glob("[0-9]*") if path.is_dir())


def _path(folder: Path, step: int) -> Path:
    return folder / STATE / f"{step:08d}"


def _description(path: Path) -> dict[str, Any]:
    return json.loads((path / "state.json").read_text(encoding="utf-8"))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    rest = _description(path)
    tensors = path / "tensors.safetensors"
    if sha256(tensors) != rest["sha256"]:
        raise ValueError("tensors.safetensors differs from its sha256")
    return rest, load_file(tensors)


def _fill(recipe: Recipe, rest: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    for part, networks in (("network", recipe.networks), ("average", recipe.averages)):
        for name, network in networks.items():
            network.load_state_dict(_under(tensors, f"{part}/{name}/"))
    for name, optimizer in recipe.optimizers.items():
        _join_optimizer(optimizer, _under(tensors, f"optimizer/{name}/"), rest["optimizers"][name])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _split_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part an optimiser's state into tensors (`index/key`) and plain values."""
    state = optimizer.state_dict()
    tensors, plain = {}, {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            (tensors if isinstance(value, Tensor) else plain)[f"{index}/{key}"] = value
    return tensors, {"groups": state["param_groups"], "plain": plain}


def _join_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], rest: dict[str, Any]) -> None:
    """Load an optimiser's state; tensors as large as their parameter get its order in memory.

    A fused Adam walks parameter, gradient and moments in memory order, so that moments stored row by row
    would meet other weights of a channels-last parameter.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    entries: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **rest["plain"]}.items():
        number, key = name.split("/", 1)
        parameter = parameters[int(number)]
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            value = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
        entries.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": entries, "param_groups": rest["groups"]})
