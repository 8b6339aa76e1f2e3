"""The published networks whose features Fréchet distances compare: I3D for video, Inception for images.

Both are TorchScript files of known hash, fetched by `fommvg weights fetch i3d` (or inception) or given by
path. A file of another hash is refused: its distances could be compared with nobody's, and TorchScript is a
program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from fommvg_lib.files import InputError
from fommvg_lib.metrics.image import check_range
from fommvg_lib.metrics.outcome import NotAvailable
from fommvg_lib.weights.fetching import place_of
from fommvg_lib.weights.helpers import find_helper
from fommvg_lib.weights.registry import find_entry

I3D_SIDE = 224
I3D_FRAMES = 10
"""Fewest frames: the network's last pooling would be left without any."""


class VideoFeatures(Protocol):
    """What tells videos apart.

    Attributes:
        name: says which features they are, for tables.
    """

    name: str

    def __call__(self, videos: Tensor) -> Tensor:
        """Give features (B, F) of videos (B, T, 1 or 3, H, W) in [0, 1]."""
        ...


class ImageFeatures(Protocol):
    """The same for images."""

    name: str

    def __call__(self, images: Tensor) -> Tensor:
        """Give features (B, F) of images (B, 1 or 3, H, W) in [0, 1]."""
        ...


class I3dFeatures:
    """The 400 logits of I3D trained on Kinetics-400, on frames stretched to 224 x 224 in [-1, 1].

    Args:
        network: the TorchScript module.

    Source: Carreira and Zisserman 2017; Unterthiner et al. 2018, Sec. 3.
    """

    name = "I3D, Kinetics-400"

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @torch.no_grad()
    def __call__(self, videos: Tensor) -> Tensor:
        """Give features (B, 400) of videos (B, T, 1 or 3, H, W) in [0, 1].

        Raises:
            ValueError: if shape or range do not fit.
            NotAvailable: if there are fewer than 10 frames.
        """
        videos = check_videos(videos)
        if videos.shape[1] < I3D_FRAMES:
            raise NotAvailable(f"clips of {videos.shape[1]} frames are too short for I3D ({I3D_FRAMES})")
        frames = nn.functional.interpolate(
            videos.flatten(0, 1), (I3D_SIDE, I3D_SIDE), mode="bilinear", align_corners=False
        )
        stretched = (2 * frames - 1).unflatten(0, videos.shape[:2]).transpose(1, 2).contiguous()
        return self.network(stretched, rescale=False, resize=False, return_features=True)


class InceptionFeatures:
    """The 2048 pooled features of Inception, which stretches images to 299 x 299 itself.

    Args:
        network: the TorchScript module.

    Source: Szegedy et al. 2016; Heusel et al. 2017; as TorchScript by Karras et al. 2020.
    """

    name = "Inception of 2015-12-05"

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Give features (B, 2048) of images (B, 1 or 3, H, W) in [0, 1], seen as 8 bits like a file's.

        Raises:
            ValueError: if shape or range do not fit.
        """
        if images.ndim != 4:
            raise ValueError(f"expected images (B, 1 or 3, H, W), got {tuple(images.shape)}")
        images = check_videos(images[:, None])[:, 0]
        return self.network((255 * images).round().to(torch.uint8), return_features=True)


def check_videos(videos: Tensor) -> Tensor:
    """Give videos as float32 RGB, grey repeated.

    Raises:
        ValueError: if they are not (B, T, 1 or 3, H, W) in [0, 1].
    """
    if videos.ndim != 5 or videos.shape[2] not in (1, 3) or 0 in videos.shape:
        raise ValueError(f"expected videos (B, T, 1 or 3, H, W), got {tuple(videos.shape)}")
    check_range(videos)
    return videos.detach().float().expand(-1, -1, 3, -1, -1)


def load_i3d(path: str | Path | None = None, device: str = "cpu") -> I3dFeatures:
    """Load I3D's features.

    Args:
        path: its TorchScript file; None looks where `fommvg weights fetch i3d` puts it.
        device: where it computes, and where videos are to be.

    Raises:
        InputError: if the file is not there or another than the published one.
        NotAvailable: if no path is given and it is not fetched.
    """
    return I3dFeatures(_load("i3d", path, device))


def load_inception(path: str | Path | None = None, device: str = "cpu") -> InceptionFeatures:
    """Load Inception's features; arguments and errors are those of `load_i3d`."""
    return InceptionFeatures(_load("inception", path, device))


def _load(name: str, path: str | Path | None, device: str) -> nn.Module:
    entry = find_entry(name)
    if path is None:
        found = find_helper(name)
        if found is None:
            place = place_of(entry, entry.file)
            raise NotAvailable(f"its weights are not there ({place}): fommvg weights fetch {name}")
    else:
        found = Path(path)
        if not found.is_file():
            raise InputError(f"{found}: there is no such file of weights")
        problem = entry.file.difference(found)
        if problem:
            raise InputError(f"{found}: is not the published {entry.file.name}, it {problem}")
    return torch.jit.load(str(found), map_location=device).eval()
