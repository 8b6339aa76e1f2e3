"""Names and shapes of a part, compared with what a model wants; the difference in words."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fommvg_lib.published_files.plain_pickle import shown

SHOWN = 3


def fit_layout(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Check a published state dict against a model's own and give it complete, in the model's order.

    Args:
        state: tensors as published.
        wanted: the model's `state_dict()`; only names, shapes and counters' zeros are used.

    Returns:
        The published tensors; `num_batches_tracked` counters that older torch did not write are 0.

    Raises:
        ValueError: if names or shapes differ: how many and which, the first few by name.
    """
    counters = [name for name in wanted if name.endswith("num_batches_tracked") and name not in state]
    state = {**state, **{name: torch.tensor(0) for name in counters}}
    missing = [name for name in wanted if name not in state]
    unknown = [name for name in state if name not in wanted]
    there = [(name, state[name], tensor) for name, tensor in wanted.items() if name in state]
    other = [
        f"{name} {tuple(given.shape)} instead of {tuple(tensor.shape)}"
        for name, given, tensor in there
        if given.shape != tensor.shape
    ]
    kinds = [
        f"{name} {given.dtype}"
        for name, given, tensor in there
        if given.is_floating_point() != tensor.is_floating_point()
    ]
    told = [("missing", missing), ("not expected", unknown), ("of another shape", other)]
    told.append(("of another number format", kinds))
    problems = [f"{len(names)} {title} ({_some(names)})" for title, names in told if names]
    if problems:
        raise ValueError(f"of {len(wanted)} tensors: {'; '.join(problems)}")
    return {name: state[name] for name in wanted}


def _some(names: list[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(shown, names[:SHOWN])) + more
