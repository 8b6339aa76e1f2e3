"""FRGAN's training items: a start frame and any frame of the same clip, or a clip; with structure maps.

The start frame of a clip is its first (public release). Everything random derives from (seed, number of the
item), the order of an epoch from (seed, epoch), so that a resumed run sees what an unbroken one would have.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.clips import ClipSet
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.structure import ClipMaps
from fommvg_lib.share import WHOLE, Share

_ORDER, _ITEM = 0, 1  # streams of randomness
KEPT_BYTES = 2 * 1024**3


class StructuredClips:
    """Clips with their structure maps.

    Args:
        clips: the frames; decoded or rendered once and kept if they take less than 2 GB.
        maps: the structure.
        num_channels: 3, or 1 for grey frames.
    """

    def __init__(self, clips: ClipSet, maps: ClipMaps, num_channels: int = 3) -> None:
        self.clips, self.maps, self.num_channels = clips, maps, num_channels
        self.lengths = [clips.num_frames(index) for index in range(len(clips))]
        self._keeps = sum(self.lengths) * clips.size**2 * 3 <= KEPT_BYTES
        self._kept: dict[int, np.ndarray] = {}

    def frames(self, index: int, moments: np.ndarray) -> Tensor:
        """Give frames (n, C, S, S) in [-1, 1]."""
        if not self._keeps:
            images = self.clips.frames(index, moments)
        else:
            if index not in self._kept:
                self._kept[index] = self.clips.frames(index, np.arange(self.lengths[index]))
            images = self._kept[index][moments]
        frames = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return frames if self.num_channels == 3 else frames.mean(1, keepdim=True)


class ForecastPairs:
    """Batches of the forecasting stage: `source`, `driving` (B, C, S, S), `source_map`, `driving_map`.

    An epoch shows every frame of every clip once, each beside the first frame of its clip.

    Args:
        clips: frames and maps.
        seed: of the order.
    """

    def __init__(self, clips: StructuredClips, seed: int) -> None:
        self.clips, self.seed = clips, seed
        self._starts = np.concatenate([[0], np.cumsum(clips.lengths)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def batch(self, step: int, batch_size: int, share: Share = WHOLE) -> dict[str, Tensor]:
        """Give a share of items step * batch_size on."""
        first, last = share.bounds(batch_size)
        rows = [self._item(step * batch_size + row) for row in range(first, last)]
        frames, maps = (torch.stack(parts) for parts in zip(*rows, strict=True))  # (B, 2, ...)
        return {
            "source": frames[:, 0], "driving": frames[:, 1],
            "source_map": maps[:, 0], "driving_map": maps[:, 1],
        }  # fmt: skip

    def _item(self, number: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(number, len(self))
        place = int(_epoch_order(self.seed, epoch, len(self))[position])
        clip = int(np.searchsorted(self._starts, place, side="right")) - 1
        moments = np.array([0, place - self._starts[clip]])
        return self.clips.frames(clip, moments), self.clips.maps.maps(clip, moments)


class RefineWindows:
    """Batches of the refining stage: `clip` (B, T, C, S, S), `maps` (B, T, N, S, S), `source`, `source_map`,
    and `is_start` (B,), whether the window begins with the start frame.

    Args:
        clips: frames and maps.
        num_frames: T; shorter clips are left out.
        seed: of the order and of where windows begin.

    Raises:
        InputError: if no clip is long enough.
    """

    def __init__(self, clips: StructuredClips, num_frames: int, seed: int) -> None:
        self.clips, self.num_frames, self.seed = clips, num_frames, seed
        self._usable = [i for i, length in enumerate(clips.lengths) if length >= num_frames]
        if not self._usable:
            raise InputError(
                f"no clip has the {num_frames} frames of a window; the longest has {max(clips.lengths)}"
            )

    def __len__(self) -> int:
        return len(self._usable)

    def batch(self, step: int, batch_size: int, share: Share = WHOLE) -> dict[str, Tensor]:
        """Give a share of items step * batch_size on."""
        first, last = share.bounds(batch_size)
        rows = [self._item(step * batch_size + row) for row in range(first, last)]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _item(self, number: int) -> dict[str, Tensor]:
        epoch, position = divmod(number, len(self))
        clip = self._usable[_epoch_order(self.seed, epoch, len(self))[position]]
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, _ITEM, number]))
        start = int(rng.integers(self.clips.lengths[clip] - self.num_frames + 1))
        moments = np.concatenate([[0], start + np.arange(self.num_frames)])
        frames, maps = self.clips.frames(clip, moments), self.clips.maps.maps(clip, moments)
        return {
            "source": frames[0], "source_map": maps[0], "clip": frames[1:], "maps": maps[1:],
            "is_start": torch.tensor(start == 0),
        }  # fmt: skip


@lru_cache(maxsize=4)
def _epoch_order(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng(np.random.SeedSequence([seed, _ORDER, epoch])).permutation(length)
