"""Training items: frames of one clip, augmented together; `FramePairs` draws two, source and driving.

Everything random about item n derives from (seed, n), and the order of an epoch from (seed, epoch): a run
that starts at step s sees what an uninterrupted run sees from there on, in any number of worker processes.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fommvg_lib.augmentation import augment
from fommvg_lib.clips.interface import ClipSet
from fommvg_lib.config.data import FrameDataConfig
from fommvg_lib.share import WHOLE, Share

_ORDER, _ITEM = 0, 1  # streams of randomness


class FrameItems(Dataset):
    """Items of a few frames each, numbered without end; `len` is the length of one epoch.

    A subclass says which moments of a clip an item shows and how the frames are handed out.

    Args:
        clips: where the frames come from.
        config: sampling and augmentation.
        seed: of the order, the choice of frames and the augmentation.
        num_channels: 3, or 1 for greyscale: the mean of red, green and blue, taken before augmentation.

    Raises:
        ValueError: for another number of channels.
    """

    def __init__(self, clips: ClipSet, config: FrameDataConfig, seed: int, num_channels: int = 3) -> None:
        if num_channels not in (1, 3):
            raise ValueError(f"num_channels must be 1 or 3, got {num_channels}")
        self.clips, self.config, self.seed, self.num_channels = clips, config, seed, num_channels
        if config.id_sampling:
            groups: dict[str, list[int]] = {}
            for index in range(len(clips)):
                groups.setdefault(clips.identity(index), []).append(index)
            self._groups = list(groups.values())
        else:
            self._groups = [[index] for index in range(len(clips))]

    def __len__(self) -> int:
        return self.config.num_repeats * len(self._groups)

    def __getitem__(self, number: int) -> dict:
        """Give item `number` >= 0, as a batch of one gives it."""
        return {name: value[0] for name, value in self._collate([number]).items()}

    def batch(self, step: int, batch_size: int, share: Share = WHOLE) -> dict:
        """Give a share of items step * batch_size on.

        Returns:
            Tensors whose first dimension is B, batch_size over the number of shares, and `name`, a list of B
            clip names.
        """
        start, stop = share.bounds(batch_size)
        return self._collate(range(step * batch_size + start, step * batch_size + stop))

    def choose_moments(self, clip: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the frame numbers (n,) of an item from a clip; n is the same for all."""
        raise NotImplementedError

    def arrange(self, frames: Tensor) -> dict[str, Tensor]:
        """Name the parts of frames (B, n, C, H, W)."""
        raise NotImplementedError

    def _collate(self, numbers) -> dict:
        plans = [self._plan(number) for number in numbers]
        frames = self.clips.frames_at([(clip, frame) for clip, moments, _ in plans for frame in moments])
        scaled = frames.astype(np.float32) / 255
        if self.num_channels == 1:
            scaled = scaled.mean(axis=-1, keepdims=True)
        items = [
            augment(part, self.config.augmentation, rng)
            for part, (_, _, rng) in zip(np.split(scaled, len(plans)), plans, strict=True)
        ]
        tensor = torch.from_numpy(
            np.ascontiguousarray(np.moveaxis(np.stack(items), -1, 2))
        )  # (B, n, C, H, W)
        return {**self.arrange(tensor), "name": [self.clips.names[clip] for clip, _, _ in plans]}

    def _plan(self, number: int) -> tuple[int, np.ndarray, np.random.Generator]:
        """Choose clip and frames of an item; the generator goes on to its augmentation."""
        epoch, position = divmod(int(number), len(self))
        group = self._groups[_epoch_order(self.seed, epoch, len(self))[position] % len(self._groups)]
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, _ITEM, int(number)]))
        clip = group[rng.integers(len(group))]
        return clip, self.choose_moments(clip, rng), rng


class FramePairs(FrameItems):
    """Pairs of frames: `source` and `driving`, (B, C, H, W) float32 in [0, 1]; see `FrameItems`.

    Source: the public release's dataset (Siarohin et al. 2019); two frames are drawn with replacement and
    sorted in time.
    """

    def pair(self, number: int) -> dict:
        """Give item `number` >= 0: `source` and `driving`, (C, H, W), and `name`, the clip's."""
        return self[number]

    def choose_moments(self, clip: int, rng: np.random.Generator) -> np.ndarray:
        """Draw two frame numbers, sorted."""
        return np.sort(rng.integers(self.clips.num_frames(clip), size=2))

    def arrange(self, frames: Tensor) -> dict[str, Tensor]:
        """Part (B, 2, C, H, W) into source and driving."""
        return {"source": frames[:, 0].contiguous(), "driving": frames[:, 1].contiguous()}


@lru_cache(maxsize=4)
def _epoch_order(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng(np.random.SeedSequence([seed, _ORDER, epoch])).permutation(length)


class _Steps(Sampler):
    def __init__(self, start: int) -> None:
        self._start = start

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self._start)


class _Batches(Dataset):
    """One item is one batch, so that workers prepare whole batches."""

    def __init__(self, pairs: FrameItems, batch_size: int, share: Share) -> None:
        self._pairs, self._batch_size, self._share = pairs, batch_size, share

    def __getitem__(self, step: int) -> dict:
        return self._pairs.batch(step, self._batch_size, self._share)


class PairLoader:
    """Batches from a step on, without end; the same ones for every number of workers.

    Args:
        pairs: the items.
        batch_size: items of a batch.
        start_step: number of the first batch; batch s holds items s * batch_size on.
        num_workers: processes that prepare batches ahead; 0 prepares them here, when asked for.
        pin_memory: put batches into page-locked memory, for a faster copy to a GPU.
        share: the part of each batch that is made.
    """

    def __init__(
        self,
        pairs: FrameItems,
        batch_size: int,
        start_step: int = 0,
        num_workers: int = 0,
        pin_memory: bool = False,
        share: Share = WHOLE,
    ) -> None:
        self.pairs, self.batch_size, self.start_step = pairs, batch_size, start_step
        self.share = share
        self.num_workers, self.pin_memory = num_workers, pin_memory

    def __iter__(self) -> Iterator[dict[str, Tensor | list[str]]]:
        """Yield batches as `FramePairs.batch` gives them."""
        return iter(
            DataLoader(
                _Batches(self.pairs, self.batch_size, self.share),
                batch_size=None,
                sampler=_Steps(self.start_step),
                num_workers=self.num_workers,
                pin_memory=self.pin_memory,
                worker_init_fn=_leave_sigterm_to_the_parent,
            )
        )


def _leave_sigterm_to_the_parent(worker: int) -> None:
    """Go on at SIGTERM, which a scheduler sends to all: the parent still needs a batch before it can save."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
