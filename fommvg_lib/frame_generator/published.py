"""Published state dicts into our modules: same names, read strictly, differences told in words."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SHOWN = 5


def load_published(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a published state dict into a module of the same layout.

    Two harmless differences are bridged: a `module.` before every name (saved from several GPUs), and absent
    `num_batches_tracked` counters (older torch; the published batch norm never counts them either).

    Raises:
        ValueError: if names or shapes differ, naming some of them.
    """
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    own = module.state_dict()
    state = dict(state)
    for name in own:
        if name.endswith(".num_batches_tracked") and name not in state:
            state[name] = torch.tensor(0)
    problems = []
    for title, names in (("missing", own.keys() - state.keys()), ("unknown", state.keys() - own.keys())):
        if names:
            problems.append(f"{len(names)} {title}: {_some(sorted(names))}")
    differing = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if differing:
        problems.append(f"{len(differing)} of another shape: {_some(differing)}")
    if problems:
        raise ValueError(f"state dict does not fit {type(module).__name__}: {'; '.join(problems)}")
    module.load_state_dict(state, strict=True)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
