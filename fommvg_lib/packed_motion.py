"""A motion set in memory: all clips in one tensor with an index, windows drawn by gathering.

Nothing here uses global randomness: the caller passes a `torch.Generator`, or asks for all windows in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fommvg_lib.files import InputError
from fommvg_lib.motion_files import MotionClip


@dataclass(frozen=True)
class PackedMotion:
    """Clips of one layout, rate and frame generator.

    Attributes:
        vectors: (frames of all clips, D), float32, raw.
        starts: (N,) first row of each clip.
        lengths: (N,) frames of each clip.
        names: of the clips.
        num_kp: K.
        fps: frame rate.
        weights_hash: of the frame generator.
    """

    vectors: Tensor
    starts: Tensor
    lengths: Tensor
    names: tuple[str, ...]
    num_kp: int
    fps: float
    weights_hash: str

    @classmethod
    def from_clips(cls, clips: Sequence[MotionClip]) -> PackedMotion:
        """Pack clips of one motion set.

        Raises:
            InputError: if there is none, or rates, frame generators or layouts are mixed.
        """
        if not clips:
            raise InputError("the motion set is empty")
        kinds = {(c.fps, c.weights_hash, c.motion.num_kp, c.motion.jacobian is None) for c in clips}
        if len(kinds) > 1:
            raise InputError("the motion set mixes frame rates, frame generators or layouts")
        rows = [clip.motion.vectors().float() for clip in clips]
        lengths = torch.tensor([len(row) for row in rows])
        first = clips[0]
        return cls(
            torch.cat(rows), lengths.cumsum(0) - lengths, lengths, tuple(clip.name for clip in clips),
            first.motion.num_kp, first.fps, first.weights_hash,
        )  # fmt: skip

    @property
    def num_dims(self) -> int:
        """D."""
        return self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.starts)

    def describe_origin(self) -> str:
        """Say in words whose motion it is, for messages."""
        family = "a FOMM" if self.num_dims != 2 * self.num_kp else "a frame generator without Jacobians"
        return f"{family}, {self.weights_hash[:12] or 'of unknown weights'}"

    def fingerprint(self) -> str:
        """Give a hash of all that the set holds."""
        digest = hashlib.sha256(f"{self.names} {self.num_kp} {self.fps} {self.weights_hash}".encode())
        for tensor in (self.lengths, self.vectors):
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def split(self, every: int = 8) -> tuple[PackedMotion, PackedMotion]:
        """Hold out every `every`-th clip; with fewer clips than that nothing can be held out.

        Returns:
            Clips to learn from and held-out clips; the same set twice if it is too small.
        """
        if len(self) < every:
            return self, self
        held = torch.arange(len(self)) % every == every - 1
        return self._take(~held), self._take(held)

    def _take(self, chosen: Tensor) -> PackedMotion:
        names = tuple(name for name, keep in zip(self.names, chosen.tolist(), strict=True) if keep)
        return PackedMotion(
            self.vectors,
            self.starts[chosen],
            self.lengths[chosen],
            names,
            self.num_kp,
            self.fps,
            self.weights_hash,
        )

    def longest(self) -> int:
        """Give the number of frames of the longest clip."""
        return int(self.lengths.max())

    def every_window(self, length: int, stride: int | None = None) -> Tensor:
        """Give all windows (N, length, D) at a stride (default: not overlapping; remainders are left out).

        Raises:
            InputError: if no clip is long enough.
        """
        starts = torch.cat(
            [self.window_starts(index, length, stride or length) for index in range(len(self))]
        )
        if len(starts) == 0:
            raise self._too_short(length)
        return self._gather(starts, length)

    def window_starts(self, clip: int, length: int, stride: int) -> Tensor:
        """Give the rows at which a clip's windows start."""
        return self.starts[clip] + torch.arange(0, max(0, int(self.lengths[clip]) - length + 1), stride)

    def draw(
        self, batch: int, length: int, generator: torch.Generator, stride: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Draw windows, every position of every clip equally likely.

        Args:
            batch: how many.
            length: frames of each.
            generator: source of randomness.
            stride: windows start at multiples of it; `length` draws from non-overlapping ones.

        Returns:
            Windows (batch, length, D) and the clips (batch,) they are of.

        Raises:
            InputError: if no clip is long enough.
        """
        room = ((self.lengths - length).div(stride, rounding_mode="floor") + 1).clamp_min(0)
        total = int(room.sum())
        if total == 0:
            raise self._too_short(length)
        ends = room.cumsum(0)
        place = torch.randint(total, (batch,), generator=generator)
        clip = torch.searchsorted(ends, place, right=True)
        offset = place - (ends - room)[clip]
        return self._gather(self.starts[clip] + stride * offset, length), clip

    def draw_frames(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one frame (B, D) of each of the clips (B,)."""
        share = torch.rand(len(clips), generator=generator, dtype=torch.float64)
        return self.vectors[self.starts[clips] + (share * self.lengths[clips]).long()]

    def _gather(self, starts: Tensor, length: int) -> Tensor:
        return self.vectors[starts[:, None] + torch.arange(length)]

    def _too_short(self, length: int) -> InputError:
        return InputError(f"no clip of the motion set has {length} frames; the longest has {self.longest()}")
