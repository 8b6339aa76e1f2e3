"""The First Order Motion Model as a frame generator: keypoint detector and generator in one piece.

`Fomm` is what trains and what is saved; `for_inference` gives a faster copy that computes the same frames.
Frames are float32 in [0, 1], NCHW; motion given to `render` is absolute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from fommvg_lib.config.fomm import FommModelConfig
from fommvg_lib.frame_generator.fomm.dense_motion import PreparedSource
from fommvg_lib.frame_generator.fomm.generator import Generated, Generator
from fommvg_lib.frame_generator.fomm.inference import (
    fold_norms,
    merge_upsampling,
    use_half_convolutions,
)
from fommvg_lib.frame_generator.fomm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.interface import Source
from fommvg_lib.frame_generator.keypoint_model import KeypointModel
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class FommSource:
    """What the FOMM keeps of a source.

    Attributes:
        features: (1, F, h, w), encoder output.
        prepared: what dense motion needs; None without dense motion.
    """

    features: Tensor
    prepared: PreparedSource | None


class Fomm(KeypointModel):
    """Keypoint detector and generator, with the interface of `FrameGenerator`.

    Args:
        config: sizes and options.
        size: frame side in pixels for which it is trained; others of a fitting multiple work too.
        weights_hash: SHA-256 of the weights' file that made its keypoints; empty if it was never saved.
    """

    kind = "fomm"
    config_class = FommModelConfig
    pixels_per_batch: ClassVar = {"cpu": 4 * 256 * 256, "cuda": 32 * 256 * 256, "mps": 8 * 256 * 256}

    def __init__(self, config: FommModelConfig, size: int = 256, weights_hash: str = "") -> None:
        super().__init__(config, size, weights_hash)
        self.kp_detector = KeypointDetector(config)
        self.generator = Generator(config)

    @property
    def final(self) -> nn.Conv2d:
        """The layer that gives the picture's colours."""
        return self.generator.final

    @property
    def num_dims(self) -> int:
        """Numbers a frame in motion vectors: 6K with Jacobians, 2K without."""
        return (6 if self.config.estimate_jacobian else 2) * self.num_kp

    def merge_layers(self) -> None:
        """Merge batch norms and doublings into convolutions, in place, in eval mode."""
        fold_norms(self)
        merge_upsampling(self)

    def use_half_convolutions(self, dtype: torch.dtype) -> None:
        """Cast the generator's convolutions, dense motion's among them, to a 16-bit type, in place."""
        use_half_convolutions(self.generator, dtype)

    def forward(self, source: Tensor, kp_source: Motion, kp_driving: Motion) -> Generated:
        """Render the driving frames (B, C, H, W) of sources (B, C, H, W) and keypoints of leading axis B."""
        return self.generator(source, kp_source, kp_driving)

    @torch.inference_mode()
    def locate(self, frames: Tensor) -> Tensor:
        """Give the places alone (N, K, 2) of the keypoints of frames (N, C, H, W) in [0, 1], in batches."""
        self._check_frames(frames)
        batches = frames.split(self._batch_for(frames))
        return torch.cat([self.kp_detector(batch.to(self.device), True).value for batch in batches])

    @torch.inference_mode()
    def encode(self, source: Tensor) -> Source:
        """Compute once what depends on the source (C, H, W) in [0, 1] alone."""
        image = source[None].to(self.device)
        self._check_frames(image)
        motion = self.kp_detector(image)
        dense = self.generator.dense_motion_network
        prepared = None if dense is None else dense.prepare(image, motion)
        features = self.generator.encode(image).float()
        self._check_range(features)
        return Source(image, motion, FommSource(features, prepared))

    def background(self, source: Source, frames: Tensor) -> None:
        """Give None: the FOMM models no background motion of its own."""
        return None

    def render(self, source: Source, motion: Motion, background: Tensor | None = None) -> Iterator[Tensor]:
        """Yield batches (n, C, H, W) in [0, 1] of the frames that `motion` (T,) describes, in order.

        Raises:
            ValueError: if a background motion is given, or the motion has another number of keypoints.
        """
        if background is not None:
            raise ValueError("FOMM renders no background motion, background must be None")
        self._check_motion(motion)
        size = self._batch_for(source.image)
        for start in range(0, len(motion), size):
            yield self._render_batch(source, motion[start : start + size])

    @torch.inference_mode()
    def _render_batch(self, source: Source, motion: Motion) -> Tensor:
        kept: FommSource = source.features
        dense = None
        if kept.prepared is not None:
            motion = motion.to(self.device, torch.float32)
            dense = self.generator.dense_motion_network(kept.prepared, motion)
        features = kept.features.expand(len(motion), -1, -1, -1)
        generated = self.generator.decode(source.image, features, dense, with_deformed=False)
        self._check_range(generated.prediction, *([] if dense is None else [dense.mask]))
        return generated.prediction
