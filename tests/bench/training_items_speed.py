"""Training items a second from 10 s clips of 256 x 256: ours against the published way.

The published way reads every frame of the clip with imageio into an array, of which two are taken (public
release of Siarohin et al. 2019); it makes floats of the whole array, which is measured, and without that as
well, since it need not. All sides augment two frames an item with the same code, so that the ratios are those
of reading. imageio decodes through its PyAV plugin here; the ffmpeg program, which the release had, is no
dependency of this library. Ours: two frames sought in the mp4 (the encoder's own key frames), the same from a
packed folder, and our own decoding of whole clips. Processor time, one core.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch

from fommvg_lib.augmentation import augment
from fommvg_lib.clips import ClipFolder, FramePairs
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.synthetic import write_clip_folder
from fommvg_lib.video_io import FrameReader, read_video

NUM_CLIPS, NUM_FRAMES, SIZE = 6, 250, 256
NUM_ITEMS = {"published": 6, "published_uint8": 6, "whole_clip": 12, "sought": 40, "packed": 120}
TARGETS = {"sought": 5.0, "packed": 40.0}
"""Least ratios to the published way."""
JITTER = AugmentationConfig(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)  # as published for vox-256


def measure() -> dict[str, float]:
    """Measure; print the figures, one a line, and give them."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root, packed = Path(folder) / "clips", Path(folder) / "packed"
        write_clip_folder(root, NUM_CLIPS, 1, num_frames=NUM_FRAMES, size=SIZE)
        pack_clips(root, packed)
        sought, mapped = (ClipFolder(path, "train", SIZE) for path in (root, packed))
        with FrameReader(sought.paths[0]) as reader:
            print(f"a clip: {len(reader)} frames, {len(reader._clip.index.keys)} key frames")
        sides = {
            "published": _by_whole_arrays(sought, _read_published),
            "published_uint8": _by_whole_arrays(sought, lambda path: imageio.imread(path, plugin="pyav")),
            "whole_clip": _by_whole_arrays(sought, read_video),
            "sought": _by_pairs(sought),
            "packed": _by_pairs(mapped),
        }
        return _show({name: _items_per_second(side, NUM_ITEMS[name]) for name, side in sides.items()})


def _read_published(path: Path) -> np.ndarray:
    """Read a clip as floats in [0, 1]."""
    frames = np.array(imageio.imread(path, plugin="pyav"))
    return frames.astype(np.float32) / np.float32(255)


def _by_whole_arrays(clips: ClipFolder, read: Callable[[Path], np.ndarray]) -> Callable[[int], object]:
    """Make item n of two frames of an array of all of a clip's."""

    def make(number: int) -> torch.Tensor:
        rng = np.random.default_rng(number)
        frames = read(clips.paths[rng.integers(len(clips))])
        chosen = frames[np.sort(rng.integers(len(frames), size=2))]
        if chosen.dtype == np.uint8:
            chosen = chosen.astype(np.float32) / 255
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(augment(chosen, JITTER, rng), -1, 1)))

    return make


def _by_pairs(clips: ClipFolder) -> Callable[[int], object]:
    return FramePairs(clips, FrameDataConfig(augmentation=JITTER), seed=0).pair


def _items_per_second(make: Callable[[int], object], count: int) -> float:
    for number in range(NUM_CLIPS):
        make(number)  # files are indexed, memory is mapped
    began = time.process_time()
    for number in range(NUM_CLIPS, NUM_CLIPS + count):
        make(number)
    return count / (time.process_time() - began)


def _show(rates: dict[str, float]) -> dict[str, float]:
    figures = {f"{name}_items_per_s": rate for name, rate in rates.items()}
    for name, rate in rates.items():
        print(f"{name}_items_per_s: {rate:.2f}")
    for name, least in TARGETS.items():
        for other in ("published", "published_uint8", "whole_clip"):
            ratio = figures[f"{name}_over_{other}"] = rates[name] / rates[other]
            wanted = f" (at least {least:g} is wanted)" if other == "published" else ""
            print(f"{name}_over_{other}: {ratio:.1f}{wanted}")
    return figures


if __name__ == "__main__":
    measure()
