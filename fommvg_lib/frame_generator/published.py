"""Published state dicts into our modules: same names, read strictly, differences told in words."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from fommvg_lib.published_files.layout import fit_layout


def load_published(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a published state dict into a module of the same layout.

    Two harmless differences are bridged: a `module.` before every name (saved from several GPUs), and absent
    `num_batches_tracked` counters (older torch; the published batch norm never counts them either).

    Raises:
        ValueError: if names or shapes differ, naming some of them.
    """
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    try:
        complete = fit_layout(state, module.state_dict())
    except ValueError as error:
        raise ValueError(f"state dict does not fit {type(module).__name__}: {error}") from error
    module.load_state_dict(complete, strict=True)
