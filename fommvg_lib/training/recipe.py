"""What a recipe is: the definition of a training step, without the loop around it.

A recipe derives everything random, and its learning rates, from its config and the step, never from global
state, so that a resumed run computes what an unbroken one would have (DESIGN section 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from fommvg_lib.config.base import Config


class Recipe(Protocol):
    """One thing that trains.

    Attributes:
        kind: the name on the command line, also the kind of the weights it saves.
        config: all that decides the outcome; stored with every checkpoint.
        num_steps: where the run ends.
        networks: by name, what is saved for resuming.
        optimizers: by name, in the order in which `step` uses them.
    """

    kind: str
    config: Config
    num_steps: int
    networks: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]

    def batches(self, start_step: int) -> Iterator[Any]:
        """Yield the batches of `start_step`, `start_step + 1`, ...: the same ones on every run."""
        ...

    def step(self, batch: Any, step: int) -> dict[str, Tensor]:
        """Compute losses, gradients and updates; give the detached scalar terms by name."""
        ...

    def validate(self, step: int) -> dict[str, float]:
        """Give figures on held-out data, without touching the training state."""
        ...

    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Give uint8 images (H, W, 3) by name that show how far the training is."""
        ...

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write a weights folder for use; give the hash of its tensors."""
        ...
