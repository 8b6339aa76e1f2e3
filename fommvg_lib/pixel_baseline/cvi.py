"""CVI: the frames between two pictures by direct 3-D convolutions (Li et al. 2019, arXiv 1905.10240).

All T frames are made in one pass from both ends and noise; there is no motion representation and no loop over
time. A model makes the number of frames it was trained for. Frames outside are in [0, 1], inside in [-1, 1].
The modules that the authors published on TF-Hub are not read: nothing they run in is a dependency here, so
an importer could not be tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.config.cvi import MIN_SIZE, CviModelConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.cvi_networks import (
    ImageEncoder,
    LatentGenerator,
    VideoGenerator,
    in_fast_layout,
)
from fommvg_lib.pixel_baseline.interface import both_ends, check_frames, sample_noise


class Cvi(nn.Module):
    """The networks that are kept, and with them a `VideoCompleter`.

    Args:
        config: sizes.
        size: frame side in pixels.
        fps: frames per second of the clips it learned from, or None.
    """

    kind = "cvi"

    def __init__(self, config: CviModelConfig, size: int, fps: float | None = None) -> None:
        super().__init__()
        self.config, self.size, self.fps = config, size, fps
        self.encoder = ImageEncoder(config)
        self.latent_generator = LatentGenerator(config)
        self.video_generator = VideoGenerator(config)

    @property
    def name(self) -> str:
        """Give "cvi", or "cvi-skip" for our variant."""
        return "cvi-skip" if self.config.has_skips else "cvi"

    @property
    def num_frames(self) -> int:
        """Give T, both ends included."""
        return self.config.num_frames

    @property
    def num_channels(self) -> int:
        """Give C: 3, or 1 for greyscale."""
        return self.config.num_channels

    def check_size(self, size: int) -> None:
        """Refuse a frame side that the networks cannot work at; others than the trained one are worse.

        Raises:
            InputError: naming what is possible.
        """
        unit = 2**self.config.num_halvings
        if size < MIN_SIZE or size % unit:
            raise InputError(
                f"--size {size}: {self.name} takes multiples of {unit} from {MIN_SIZE} pixels on"
            )

    def forward(self, first: Tensor, last: Tensor, noise: Tensor) -> Tensor:
        """Make clips.

        Args:
            first: (B, C, H, W) in [-1, 1].
            last: same shape.
            noise: (B, D), standard normal.

        Returns:
            (B, C, T, H, W) in [-1, 1]; the ends are made too, not copied.
        """
        latents, features = self.encoder(torch.cat([first, last]))  # one call, so that norms are shared
        video = self.latent_generator(*latents.chunk(2), noise)
        return self.video_generator(video, (first, last), [level.chunk(2) for level in features])

    def supports(self, known: Tensor) -> bool:
        """Say whether a pattern (T,) is this model's number of frames with both ends known, no other."""
        return known.shape == (self.num_frames,) and torch.equal(known.cpu(), both_ends(self.num_frames))

    @torch.no_grad()
    def complete_video(
        self, frames: Tensor, known: Tensor, num_samples: int, seed: int, clip: str = ""
    ) -> Tensor:
        """Make S clips between two frames; see `interface.VideoCompleter.complete_video`.

        Raises:
            ValueError: for another pattern, other channels or another size.
        """
        check_frames(frames, known)
        if not self.supports(known):
            raise ValueError(
                f"{self.name} makes {self.num_frames - 2} frames between two known ones, "
                f"{self.num_frames} in all, not {len(known)} of which {int(known.sum())} are known"
            )
        if tuple(frames.shape[1:]) != (self.config.num_channels, self.size, self.size):
            wanted = f"{self.config.num_channels} channels, {self.size} x {self.size} pixels"
            raise ValueError(f"{self.name} works at {wanted}, got frames {tuple(frames.shape[1:])}")
        device = next(self.parameters()).device
        first, last = (frames[i].to(device, torch.float32) * 2 - 1 for i in (0, -1))
        noise = sample_noise(self.config.noise_dim, num_samples, seed, clip).to(device)
        made = [self._between(first, last, row) for row in noise]
        videos = torch.stack(made).to(frames)  # (S, T, C, H, W)
        videos[:, known] = frames[known]
        return videos

    def _between(self, first: Tensor, last: Tensor, noise: Tensor) -> Tensor:
        """Make one clip (T, C, H, W) in [0, 1]; alone, so that the number of samples changes no rounding."""
        video = self(first[None], last[None], noise[None])[0]
        return (video.movedim(0, 1) + 1) / 2

    def save(self, folder: str | Path, info: Mapping[str, Any] | None = None) -> str:
        """Write a weights folder; give the hash of its tensors.

        Raises:
            InputError: if the folder cannot be written.
        """
        notes = {"size": self.size, "fps": self.fps, **(info or {})}
        return save_weights(folder, self.kind, self.config.to_dict(), self.state_dict(), notes)

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build what `save` wrote, in evaluation mode.

        Raises:
            InputError: if the weights are of another kind, or configuration and tensors disagree.
        """
        if weights.kind != cls.kind:
            raise InputError(f"{weights.folder}: holds {weights.kind} weights, cvi was expected")
        try:
            config = CviModelConfig.from_dict(weights.config)
            model = cls(config, int(weights.info["size"]), weights.info.get("fps"))
            model.load_state_dict(weights.state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{weights.folder}: configuration and tensors disagree ({reason})") from error
        return in_fast_layout(model.eval())
