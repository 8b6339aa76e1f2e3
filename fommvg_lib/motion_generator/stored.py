"""What every trained motion generator does with its weights folder: write it, be built from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from torch import nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.files import InputError


class StoredGenerator(nn.Module):
    """Base of the trained motion generators, whose arguments are `sizes`, `fps` and `frame_generator_hash`.

    Attributes:
        kind: its name in the registry.
        sizes: arguments that build it again.
        fps: frames per second of the motion it learned, or None.
        frame_generator_hash: of the weights whose motion it learned, or None.
    """

    kind: str
    sizes: dict[str, Any]
    fps: float | None
    frame_generator_hash: str | None

    def save(self, folder: str | Path, info: Mapping[str, Any] | None = None) -> str:
        """Write a weights folder; give the hash of its tensors.

        Raises:
            InputError: if the folder cannot be written.
        """
        notes = {"fps": self.fps, "frame_generator_hash": self.frame_generator_hash, **(info or {})}
        return save_weights(folder, self.kind, self.sizes, self.state_dict(), notes)

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build what `save` wrote, in evaluation mode.

        Raises:
            InputError: if configuration and tensors disagree.
        """
        known = {name: weights.info.get(name) for name in ("fps", "frame_generator_hash")}
        try:
            model = cls(**weights.config, **known)
            model.load_state_dict(weights.state)
        except (TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{weights.folder}: configuration and tensors disagree ({reason})") from error
        return model.eval()
