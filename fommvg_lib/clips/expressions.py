"""Posed expressions of the synthetic heads as a set of clips, labelled as those of MUG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fommvg_lib.clips.heads import FPS, SyntheticClips
from fommvg_lib.synthetic.expressions import EXPRESSIONS, take_parameters
from fommvg_lib.synthetic.renderer import render_parameters


class ExpressionTakes(SyntheticClips):
    """Takes of every expression by every person, a `ClipSet`; names are "<identity>#<expression>-<take>".

    Args:
        split: "train", "test" or "all".
        size: side in pixels, 32 to 256.
        num_frames: length of every take (MUG's have 65 to 80 in the mean).
        seed: of the whole set.
        num_identities: the first so many identities of the split; None for all of them.
        takes: of each expression by each person.

    Raises:
        InputError: for an unknown split, a size out of range, or more identities than the split has.
    """

    def __init__(
        self,
        split: str = "train",
        size: int = 64,
        num_frames: int = 64,
        seed: int = 0,
        num_identities: int | None = None,
        takes: int = 1,
    ) -> None:
        super().__init__(split, size, num_frames, seed, num_identities)
        people = [person for person, _ in self._clips]
        self._takes = [
            (person, kind, take) for person in people for kind in EXPRESSIONS for take in range(takes)
        ]
        self._clips = [(person, 0) for person, _, _ in self._takes]
        self.names = [f"{person:04d}#{kind}-{take:03d}" for person, kind, take in self._takes]

    def expression(self, index: int) -> str:
        """Give what a take shows, one of `EXPRESSIONS`."""
        return self._takes[index][1]

    def parameters(self, index: int) -> np.ndarray:
        """Give the motion parameters (T, 12) of a take."""
        return _parameters(*self._takes[index], self._num_frames, self.seed)

    def frames(self, index: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Render frames of a take, (n, size, size, 3) uint8; IndexError beyond its end."""
        return self.frames_at([(index, int(moment)) for moment in np.asarray(indices).reshape(-1)])

    def frames_at(self, requests: Sequence[tuple[int, int]]) -> np.ndarray:
        """Render frames of several takes together, (n, size, size, 3) uint8, for pairs (take, frame)."""
        self._check(np.array([frame for _, frame in requests]))
        people = [self._takes[index][0] for index, _ in requests]
        rows = np.stack([self.parameters(index)[frame] for index, frame in requests])
        return render_parameters(people, rows, self.size, self.seed)

    def fps(self, index: int) -> float:
        """Give a take's frames per second: 25."""
        return FPS


@lru_cache(maxsize=4096)
def _parameters(person: int, expression: str, take: int, num_frames: int, seed: int) -> np.ndarray:
    return take_parameters(person, expression, take, num_frames, seed)
