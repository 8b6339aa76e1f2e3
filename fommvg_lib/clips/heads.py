"""The synthetic talking heads as a set of clips, rendered when asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fommvg_lib.clips.interface import check_split
from fommvg_lib.files import InputError
from fommvg_lib.synthetic import identities, render_batch, render_frames
from fommvg_lib.synthetic.movement import parameters_at
from fommvg_lib.synthetic.renderer import MAX_SIZE, MIN_SIZE, face_points

FPS = 25.0


class SyntheticClips:
    """Clips of the cartoon heads (DESIGN section 4); identities of train and test are disjoint.

    Args:
        split: "train", "test" or "all".
        size: side in pixels, 32 to 256.
        num_frames: length of every clip.
        seed: of the whole set; another seed gives other people.
        num_identities: the first so many identities of the split (with "all": of each); None for all of them.
        clips_per_identity: clips of each, number 0 on.

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
        clips_per_identity: int = 1,
    ) -> None:
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise InputError(
                f"synthetic clips are {MIN_SIZE} to {MAX_SIZE} pixels wide, {size} was asked for"
            )
        if num_frames < 1 or clips_per_identity < 1 or seed < 0:
            raise InputError("synthetic clips need num_frames >= 1, clips_per_identity >= 1 and seed >= 0")
        self.size, self.seed, self._num_frames = size, seed, num_frames
        parts = ("train", "test") if check_split(split) == "all" else (split,)
        people = [person for part in parts for person in _first(part, num_identities)]
        self._clips = [(person, clip) for person in people for clip in range(clips_per_identity)]
        self.names = [f"{person:04d}#{clip:03d}" for person, clip in self._clips]

    def __len__(self) -> int:
        return len(self.names)

    def num_frames(self, index: int) -> int:
        """Give the length of a clip."""
        return self._num_frames

    def fps(self, index: int) -> float:
        """Give a clip's frames per second: 25."""
        return FPS

    def identity(self, index: int) -> str:
        """Give the person's number as text."""
        return f"{self._clips[index][0]:04d}"

    def frames(self, index: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Render frames of a clip, (n, size, size, 3) uint8.

        Raises:
            IndexError: if a frame lies outside the clip.
        """
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        self._check(indices)
        return render_frames(*self._clips[index], indices, self.size, self.seed, FPS)

    def frames_at(self, requests: Sequence[tuple[int, int]]) -> np.ndarray:
        """Render frames of several clips together, (n, size, size, 3) uint8, for pairs (clip, frame).

        Raises:
            IndexError: if a frame lies outside its clip.
        """
        self._check(np.array([frame for _, frame in requests]))
        triples = [(*self._clips[index], int(frame)) for index, frame in requests]
        return render_batch(triples, self.size, self.seed, FPS)

    def parameters(self, index: int) -> np.ndarray:
        """Give the motion parameters (T, 12) float32 of a clip, columns as in `PARAMETER_NAMES`."""
        return parameters_at(*self._clips[index], np.arange(self._num_frames), self.seed, FPS)

    def face_points(self, index: int) -> np.ndarray:
        """Give the 68 points of the face (T, 68, 2) in [-1, 1] xy; see `synthetic.face_points`."""
        return face_points([self._clips[index][0]] * self._num_frames, self.parameters(index), self.seed)

    def _check(self, indices: np.ndarray) -> None:
        if indices.size and not (0 <= indices.min() and indices.max() < self._num_frames):
            raise IndexError(f"frames {indices.min()} to {indices.max()} were asked of {self._num_frames}")


def _first(split: str, count: int | None) -> range:
    people = identities(split)
    if count is not None and not 1 <= count <= len(people):
        raise InputError(f"the synthetic {split} split has {len(people)} identities, {count} were asked for")
    return people[:count]
