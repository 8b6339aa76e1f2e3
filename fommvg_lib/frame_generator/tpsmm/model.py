"""The Thin-Plate-Spline Motion Model as a frame generator: all its networks in one piece.

`Tpsmm` is what trains and what is saved; `for_inference` gives a faster copy that computes the same frames.
Frames are float32 in [0, 1], NCHW; motion given to `render` is absolute and has no Jacobians.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.frame_generator.fomm.dense_motion import PreparedSource
from fommvg_lib.frame_generator.interface import Source
from fommvg_lib.frame_generator.keypoint_model import KeypointModel
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork, in_eval_mode
from fommvg_lib.frame_generator.tpsmm.background_predictor import BackgroundPredictor
from fommvg_lib.frame_generator.tpsmm.dense_motion import DenseMotionNetwork
from fommvg_lib.frame_generator.tpsmm.inference import (
    fold_batch_norms,
    merge_upsampling,
    use_half_convolutions,
)
from fommvg_lib.frame_generator.tpsmm.inpainting import Generated, InpaintingNetwork
from fommvg_lib.frame_generator.tpsmm.keypoint_detector import KeypointDetector
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class TpsmmSource:
    """What the TPSMM keeps of a source.

    Attributes:
        features: the inpainting network's maps (1, F_i, H_i, W_i), the frame's size first.
        prepared: what dense motion needs.
    """

    features: list[Tensor]
    prepared: PreparedSource


class Tpsmm(KeypointModel):
    """Keypoint detector, dense motion, inpainting; where the config has them, background predictor and AVD
    network. It has the interface of `FrameGenerator`.

    Args:
        config: sizes and options.
        size: frame side in pixels for which it is trained; others of a fitting multiple work too.
        weights_hash: SHA-256 of the weights' file that made its keypoints; empty if it was never saved.
    """

    kind = "tpsmm"
    config_class = TpsmmModelConfig
    pixels_per_batch: ClassVar = {"cpu": 1 * 256 * 256, "cuda": 16 * 256 * 256, "mps": 4 * 256 * 256}

    def __init__(self, config: TpsmmModelConfig, size: int = 256, weights_hash: str = "") -> None:
        super().__init__(config, size, weights_hash)
        self.kp_detector = KeypointDetector(config)
        self.dense_motion_network = DenseMotionNetwork(config)
        self.inpainting_network = InpaintingNetwork(config)
        self.bg_predictor = BackgroundPredictor(config) if config.estimate_background else None
        self.avd_network = AvdNetwork(config.avd, config.num_kp) if config.avd else None

    @property
    def final(self) -> nn.Conv2d:
        """The layer that gives the picture's colours."""
        return self.inpainting_network.final

    @property
    def num_dims(self) -> int:
        """Numbers a frame in motion vectors."""
        return 2 * self.num_kp

    @property
    def can_disentangle(self) -> bool:
        """Whether there is an AVD network."""
        return self.avd_network is not None

    def merge_layers(self) -> None:
        """Merge batch norms and doublings into convolutions, in place, in eval mode."""
        fold_batch_norms(self)
        merge_upsampling(self)

    def use_half_convolutions(self, dtype: torch.dtype) -> None:
        """Cast the convolutions of dense motion and inpainting to a 16-bit type, in place."""
        use_half_convolutions(self.dense_motion_network, dtype)
        use_half_convolutions(self.inpainting_network, dtype)

    def forward(
        self,
        source: Tensor,
        kp_source: Motion,
        kp_driving: Motion,
        background: Tensor | None = None,
        kept: Tensor | None = None,
        driving: Tensor | None = None,
    ) -> Generated:
        """Render the driving frames (B, C, H, W) of sources (B, C, H, W) and keypoints of leading axis B.

        Args:
            source: in [0, 1].
            kp_source: of the sources.
            kp_driving: of the driving frames.
            background: the camera's motion (B, 3, 3), or None.
            kept: candidates that take part (B, K + 1), or None for all; see `draw_kept`.
            driving: the driving frames, if the maps of the warp loss are wanted.
        """
        prepared = self.dense_motion_network.prepare(source, kp_source)
        dense = self.dense_motion_network(prepared, kp_driving, background, kept)
        return self.inpainting_network(source, dense, driving)

    def predict_background(self, source: Tensor, driving: Tensor) -> Tensor:
        """Estimate the camera's motion (B, 3, 3) between frames (B, C, H, W).

        Raises:
            ValueError: if the model has no network for it.
        """
        if self.bg_predictor is None:
            raise ValueError("model.estimate_background is False: there is no background predictor")
        return self.bg_predictor(source, driving)

    @torch.inference_mode()
    def encode(self, source: Tensor) -> Source:
        """Compute once what depends on the source (C, H, W) in [0, 1] alone."""
        image = source[None].to(self.device)
        self._check_frames(image)
        motion = self.kp_detector(image)
        prepared = self.dense_motion_network.prepare(image, motion)
        features = [feature.float() for feature in self.inpainting_network.encode(image)]
        self._check_range(*features)
        return Source(image, motion, TpsmmSource(features, prepared))

    @torch.inference_mode()
    def background(self, source: Source, frames: Tensor) -> Tensor | None:
        """Estimate the camera's motion (T, 3, 3) for frames (T, C, H, W); None without a network for it.

        Published reconstruction uses it; animation does not, the driver's camera being another one.
        """
        if self.bg_predictor is None:
            return None
        self._check_frames(frames)
        batches = frames.split(self._batch_for(frames))
        return torch.cat(
            [self.bg_predictor(source.image.expand(len(b), -1, -1, -1), b.to(self.device)) for b in batches]
        )

    @torch.inference_mode()
    def disentangle(self, kp_source: Motion, kp_driving: Motion) -> Motion:
        """Give a driver's points (T,) the source's proportions by the AVD network.

        A frame's points depend on that frame alone, even if the model is in training mode: batch norms use
        their running statistics, and leave them as they are.

        Args:
            kp_source: the source's points, leading axis 1 (or T, one source for each).
            kp_driving: the driver's.

        Returns:
            (T,) points, not limited to [-1, 1], as published.

        Raises:
            InputError: if these weights hold no AVD network.
        """
        self.check_avd()
        kp_driving = kp_driving.to(self.device, torch.float32)
        kp_source = kp_source.to(self.device, torch.float32).expand(len(kp_driving))
        with in_eval_mode(self.avd_network) as network:
            return network(kp_source, kp_driving)

    def render(self, source: Source, motion: Motion, background: Tensor | None = None) -> Iterator[Tensor]:
        """Yield batches (n, C, H, W) in [0, 1] of the frames that `motion` (T,) describes, in order.

        Raises:
            ValueError: if the motion has another number of keypoints, or the background another length.
        """
        self._check_motion(motion)
        if background is not None and background.shape != (len(motion), 3, 3):
            raise ValueError(f"background must be ({len(motion)}, 3, 3), got {tuple(background.shape)}")
        size = self._batch_for(source.image)
        for start in range(0, len(motion), size):
            part = slice(start, start + size)
            yield self._render_batch(source, motion[part], None if background is None else background[part])

    @torch.inference_mode()
    def _render_batch(self, source: Source, motion: Motion, background: Tensor | None) -> Tensor:
        kept: TpsmmSource = source.features
        motion = motion.to(self.device, torch.float32)
        background = None if background is None else background.to(self.device, torch.float32)
        dense = self.dense_motion_network(kept.prepared, motion, background)
        prediction = self.inpainting_network.decode(source.image, kept.features, dense).prediction
        self._check_range(prediction, dense.mask)
        return prediction
