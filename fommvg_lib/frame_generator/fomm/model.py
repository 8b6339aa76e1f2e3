"""The First Order Motion Model as a frame generator: keypoint detector and generator in one piece.

`Fomm` is what trains and what is saved; `for_inference` gives a faster copy that computes the same frames.
Frames are float32 in [0, 1], NCHW; motion given to `render` is absolute.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.fomm import FommModelConfig
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator.fomm.dense_motion import PreparedSource
from fommvg_lib.frame_generator.fomm.generator import Generator
from fommvg_lib.frame_generator.fomm.inference import (
    fold_norms,
    merge_upsampling,
    use_half_convolutions,
)
from fommvg_lib.frame_generator.fomm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.interface import Source
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.motion import Motion, cat
from fommvg_lib.precision import DTYPES, rendering_precision

PIXELS_PER_BATCH = {"cpu": 4 * 256 * 256, "cuda": 32 * 256 * 256, "mps": 8 * 256 * 256}
"""Frames rendered together hold about this many pixels: it feeds the device, and streams."""


@dataclass(frozen=True)
class FommSource:
    """What the FOMM keeps of a source.

    Attributes:
        features: (1, F, h, w), encoder output.
        prepared: what dense motion needs; None without dense motion.
    """

    features: Tensor
    prepared: PreparedSource | None


class Fomm(nn.Module):
    """Keypoint detector and generator, with the interface of `FrameGenerator`.

    Args:
        config: sizes and options.
        size: frame side in pixels for which it is trained; others of a fitting multiple work too.
        weights_hash: SHA-256 of the weights' file; empty for weights that were never saved.

    Attributes:
        batch_size: frames that `extract` and `render` take at once; None: chosen from device and frame size.
    """

    kind = "fomm"

    def __init__(self, config: FommModelConfig, size: int = 256, weights_hash: str = "") -> None:
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
        self.generator = Generator(config)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.generator.final.weight.device

    @property
    def num_dims(self) -> int:
        """Numbers a frame in motion vectors: 6K with Jacobians, 2K without."""
        return (6 if self.config.estimate_jacobian else 2) * self.num_kp

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build the model that a weights folder describes, in eval mode on the CPU.

        Raises:
            InputError: if the folder's config or tensors do not fit together.
        """
        try:
            config = FommModelConfig.from_dict(weights.config)
            model = cls(config, int(weights.info.get("size", 256)), weights.sha256)
            load_published(model, weights.state)
        except (ValueError, TypeError) as error:
            raise InputError(f"{weights.folder}: {error}") from error
        return model.eval()

    def state_for_saving(self) -> dict[str, Tensor]:
        """Give the tensors by published names, `kp_detector.*` and `generator.*`.

        Raises:
            RuntimeError: for a copy made by `for_inference`, whose layers are merged.
        """
        if self.is_for_inference:
            raise RuntimeError("this copy was made for inference: save the model it was made from")
        return self.state_dict()

    def for_inference(
        self, channels_last: bool = True, fold_batch_norm: bool = True, autocast: str = "fp32"
    ) -> Self:
        """Give a copy in eval mode that renders the same frames faster.

        Args:
            channels_last: keep images and weights in NHWC memory order.
            fold_batch_norm: merge batch norms and doublings into convolutions (exact up to rounding).
            autocast: "fp32"; "bf16" or "fp16": convolutions of generator and dense motion in 16 bits, the
                detector and all geometry in float32, even if the device only emulates it; "auto": the fastest
                that the device really has.

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
        if fold_batch_norm:
            fold_norms(model)
            merge_upsampling(model)
        if autocast != "fp32":
            use_half_convolutions(model.generator, DTYPES[autocast])
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
        if motion.num_kp != self.num_kp:
            raise ValueError(f"motion has {motion.num_kp} keypoints, this model {self.num_kp}")
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

    def _check_range(self, *results: Tensor) -> None:
        """Refuse what a float16 beyond 65504 has spoilt: it becomes infinite, then no number at all."""
        if self.generator.final.weight.dtype != torch.float16:
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
