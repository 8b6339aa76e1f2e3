"""What the translations of published files share: what they are told, what they give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from fommvg_lib.published_files import Checkpoint
from fommvg_lib.published_files.plain_pickle import shown


@dataclass(frozen=True)
class ImportOptions:
    """What a user adds to a published file.

    Attributes:
        config: name of a published config, or a YAML file of that schema; None: the kind's usual one.
        legacy_swap: exchange FOMMVG's two encoders, as its own loader does.
        components: file of the principal components that a VP model was trained with.
    """

    config: str | None = None
    legacy_swap: bool = False
    components: Path | None = None


@dataclass(frozen=True)
class Translation:
    """A published file in our words.

    Attributes:
        kind: of the weights folder.
        config: plain values from which the model is built.
        state: tensors by our names.
        info: trained size and what else the model's family keeps.
        notes: what the user should know, a line each.
    """

    kind: str
    config: dict[str, Any]
    state: dict[str, Tensor]
    info: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def left_behind(published: Checkpoint, expected: Collection[str]) -> list[str]:
    """Note the top-level entries that no published file of the kind has, if there are any."""
    strange = [name for name in published.entries if name not in expected]
    return [f"not taken over: {shown(', '.join(strange))}"] if strange else []
