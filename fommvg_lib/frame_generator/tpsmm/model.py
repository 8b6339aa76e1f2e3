"""The Thin-Plate-Spline Motion Model as a frame generator: all its networks in one piece.

`Tpsmm` is what trains and what is saved; `for_inference` gives a faster copy that computes the same frames.
Frames are float32 in [0, 1], NCHW; motion given to `render` is absolute and has no Jacobians.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator.fomm.dense_motion import PreparedSource
from fommvg_lib.frame_generator.interface import Source
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork
from fommvg_lib.frame_generator.tpsmm.background_predictor import BackgroundPredictor
from fommvg_lib.frame_generator.tpsmm.dense_motion import DenseMotionNetwork
from fommvg_lib.frame_generator.tpsmm.inference import (
    fold_batch_norms,
    merge_upsampling,
    use_half_convolutions,
)
from fommvg_lib.frame_generator.tpsmm.inpainting import Generated, InpaintingNetwork
from fommvg_lib.frame_generator.tpsmm.keypoint_detector import KeypointDetector
from fommvg_lib.motion import Motion, cat
from fommvg_lib.precision import DTYPES, rendering_precision

PIXELS_PER_BATCH = {"cpu": 1 * 256 * 256, "cuda": 16 * 256 * 256, "mps": 4 * 256 * 256}
"""Frames rendered together hold about this many pixels: it feeds the device, and streams."""


@dataclass(frozen=True)
class TpsmmSource:
    """What the TPSMM keeps of a source.

    Attributes:
        features: the inpainting network's maps (1, F_i, H_i, W_i), the frame's size first.
        prepared: what dense motion needs.
    """

    features: list[Tensor]
    prepared: PreparedSource


class Tpsmm(nn.Module):
    """Keypoint detector, dense motion, inpainting; where the config has them, background predictor and AVD
    network. It has the interface of `FrameGenerator`.

    Args:
        config: sizes and options.
        size: frame side in pixels for which it is trained; others of a fitting multiple work too.
        weights_hash: SHA-256 of the weights' file; empty for weights that were never saved.

    Attributes:
        batch_size: frames that `extract` and `render` take at once; None: chosen from device and frame size.
    """

    kind = "tpsmm"

    def __init__(self, config: TpsmmModelConfig, size: int = 256, weights_hash: str = "") -> None:
        super().__init__()
        config.check_size(size)
        self.config = config
        self.size = size
        self.num_channels = config.num_channels
        self.num_kp = config.num_kp
        self.weights_hash = weights_hash
        self.batch_size: int | None = None
        self.is_for_inference = False
        self.kp_detector = KeypointDetector(config)
        self.dense_motion_network = DenseMotionNetwork(config)
        self.inpainting_network = InpaintingNetwork(config)
        self.bg_predictor = BackgroundPredictor(config) if config.estimate_background else None
        self.avd_network = AvdNetwork(config.avd, config.num_kp) if config.avd else None

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.inpainting_network.final.weight.device

    @property
    def num_dims(self) -> int:
        """Numbers a frame in motion vectors."""
        return 2 * self.num_kp

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build the model that a weights folder describes, in eval mode on the CPU.

        Raises:
            InputError: if the folder's config or tensors do not fit together.
        """
        try:
            config = TpsmmModelConfig.from_dict(weights.config)
            with torch.device("meta"):  # nothing is drawn that the weights replace
                model = cls(config, int(weights.info.get("size", 256)), weights.sha256)
            load_published(model.to_empty(device="cpu"), weights.state)
        except (ValueError, TypeError) as error:
            raise InputError(f"{weights.folder}: {error}") from error
        return model.eval()

    def state_for_saving(self) -> dict[str, Tensor]:
        """Give the tensors by published names, under the published names of the networks.

        Raises:
            RuntimeError: for a copy made by `for_inference`, whose layers are merged.
        """
        if self.is_for_inference:
            raise RuntimeError("this copy was made for inference: save the model it was made from")
        return self.state_dict()

    def for_inference(
        self, channels_last: bool = True, merge_layers: bool = True, autocast: str = "fp32"
    ) -> Self:
        """Give a copy in eval mode that renders the same frames faster.

        Args:
            channels_last: keep images and weights in NHWC memory order.
            merge_layers: merge batch norms and doublings into convolutions (exact up to rounding).
            autocast: "fp32"; "bf16" or "fp16": convolutions of dense motion and inpainting in 16 bits, the
                detectors and all geometry in float32, even if the device only emulates it; "auto": the
                fastest that the device really has.

        Raises:
            ValueError: for another `autocast`.
        """
        if autocast == "auto":
            autocast = rendering_precision(self.device, "auto")
        if autocast not in DTYPES:
            raise ValueError(f"autocast must be auto, {', '.join(DTYPES)}, got {autocast!r}")
        if self.is_for_inference:
            raise ValueError("this copy was made for inference already")
        model = copy.deepcopy(self).eval().requires_grad_(False)
        model.is_for_inference = True
        if merge_layers:
            fold_batch_norms(model)
            merge_upsampling(model)
        if autocast != "fp32":
            use_half_convolutions(model.dense_motion_network, DTYPES[autocast])
            use_half_convolutions(model.inpainting_network, DTYPES[autocast])
        return model.to(memory_format=torch.channels_last) if channels_last else model

    def check_size(self, size: int) -> None:
        """Refuse a frame side that the networks cannot take.

        Raises:
            InputError: naming the size and what it must be divisible by.
        """
        try:
            self.config.check_size(size)
        except ValueError as error:
            raise InputError(str(error)) from error

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
    def extract(self, frames: Tensor) -> Motion:
        """Find the keypoints of frames (N, C, H, W) in [0, 1], in batches; leading axis N."""
        self._check_frames(frames)
        batches = frames.split(self._batch_for(frames))
        return cat([self.kp_detector(batch.to(self.device)) for batch in batches])

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

        Args:
            kp_source: the source's points, leading axis 1 (or T, one source for each).
            kp_driving: the driver's.

        Raises:
            InputError: if these weights hold no AVD network.
        """
        if self.avd_network is None:
            raise InputError("these weights hold no AVD network: train one, or use mode relative")
        kp_driving = kp_driving.to(self.device, torch.float32)
        kp_source = kp_source.to(self.device, torch.float32).expand(len(kp_driving))
        return self.avd_network(kp_source, kp_driving)

    def render(self, source: Source, motion: Motion, background: Tensor | None = None) -> Iterator[Tensor]:
        """Yield batches (n, C, H, W) in [0, 1] of the frames that `motion` (T,) describes, in order.

        Raises:
            ValueError: if the motion has another number of keypoints, or the background another length.
        """
        if motion.num_kp != self.num_kp:
            raise ValueError(f"motion has {motion.num_kp} keypoints, this model {self.num_kp}")
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

    def _check_range(self, *results: Tensor) -> None:
        """Refuse what a float16 beyond 65504 has spoilt: it becomes infinite, then no number at all."""
        if self.inpainting_network.final.weight.dtype != torch.float16:
            return
        if not all(bool(result.isfinite().all()) for result in results):
            raise RunError(
                "values beyond float16's range came up while rendering: use precision fp32 or bf16"
            )

    def _check_frames(self, frames: Tensor) -> None:
        if frames.ndim != 4 or frames.shape[1] != self.num_channels:
            raise ValueError(f"frames must be (N, {self.num_channels}, H, W), got {tuple(frames.shape)}")

    def _batch_for(self, frames: Tensor) -> int:
        if self.batch_size is not None:
            return self.batch_size
        pixels = PIXELS_PER_BATCH.get(self.device.type, PIXELS_PER_BATCH["cpu"])
        return max(1, pixels // (frames.shape[-1] * frames.shape[-2]))
