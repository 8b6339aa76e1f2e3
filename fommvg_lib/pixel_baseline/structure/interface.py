"""What stands for the structure of a frame: maps of its size in [-1, 1], drawn from points or read.

Points are (P, 2) a frame in [-1, 1], x (right) then y (down), -1 and +1 the centres of the border pixels.
What is drawn from points can be moved: by a motion generator, or by another clip's points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Structure(Protocol):
    """Draws points as maps.

    Attributes:
        kind: its name in `config.frgan.STRUCTURES`.
        num_points: P.
        num_channels: of the maps.
    """

    kind: str
    num_points: int
    num_channels: int

    def draw(self, points: Tensor, size: int) -> Tensor:
        """Give maps (N, num_channels, size, size) in [-1, 1], 0 where nothing is, of points (N, P, 2)."""
        ...


class ClipMaps(Protocol):
    """The structure maps of a set of clips.

    Attributes:
        num_channels: of the maps.
    """

    num_channels: int

    def maps(self, index: int, moments: Sequence[int] | np.ndarray) -> Tensor:
        """Give maps (n, num_channels, S, S) in [-1, 1] of frames of a clip."""
        ...


class DrawnMaps:
    """Maps drawn from points that are known for every frame; see `ClipMaps`.

    Args:
        structure: draws them.
        points: for each clip (T, P, 2).
        size: side of the maps in pixels.

    Raises:
        ValueError: if a clip has other points than the structure draws.
    """

    def __init__(self, structure: Structure, points: Sequence[Tensor], size: int) -> None:
        for one in points:
            if one.shape[1:] != (structure.num_points, 2):
                wanted = f"(T, {structure.num_points}, 2)"
                raise ValueError(f"a {structure.kind} structure draws {wanted}, got {tuple(one.shape)}")
        self.structure, self.points, self.size = structure, points, size
        self.num_channels = structure.num_channels

    def maps(self, index: int, moments: Sequence[int] | np.ndarray) -> Tensor:
        """Give maps (n, num_channels, S, S) in [-1, 1] of frames of a clip."""
        chosen = torch.as_tensor(np.asarray(moments, dtype=np.int64))
        return self.structure.draw(self.points[index][chosen], self.size)
