"""What the FOMM and the TPSMM share as frame generators: sizes, batches, precision, loading and saving.

A family adds its networks, what it keeps of a source, and how a batch is rendered.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.motion import Motion, cat
from fommvg_lib.precision import DTYPES, rendering_precision


class KeypointModel(nn.Module):
    """Base of `Fomm` and `Tpsmm`; a family sets `kp_detector` and the class attributes.

    Args:
        config: sizes and options, with `num_channels`, `num_kp` and `check_size`.
        size: frame side in pixels for which it is trained; others of a fitting multiple work too.
        weights_hash: SHA-256 of the weights' file that made its keypoints; empty if it was never saved.

    Attributes:
        batch_size: frames that `extract` and `render` take at once; None: chosen from device and frame size.
        origin: where the weights were read, for messages.
    """

    kind: ClassVar[str]
    config_class: ClassVar[type]
    pixels_per_batch: ClassVar[dict[str, int]]
    """Frames rendered together hold about this many pixels, by device: it feeds the device, and streams."""
    kp_detector: nn.Module

    def __init__(self, config: Any, size: int, weights_hash: str) -> None:
        super().__init__()
        config.check_size(size)
        self.config = config
        self.size = size
        self.num_channels = config.num_channels
        self.num_kp = config.num_kp
        self.weights_hash = weights_hash
        self.batch_size: int | None = None
        self.origin = f"this {self.kind}"
        self.is_for_inference = False

    @property
    def final(self) -> nn.Conv2d:
        """The layer that gives the picture's colours."""
        raise NotImplementedError

    @property
    def can_disentangle(self) -> bool:
        """Whether there is a network for animation via disentanglement (AVD)."""
        return False

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.final.weight.device

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build the model that a weights folder describes, in eval mode on the CPU.

        Raises:
            InputError: if the folder's config or tensors do not fit together.
        """
        try:
            config = cls.config_class.from_dict(weights.config)
            model = cls(config, int(weights.info.get("size", 256)), weights.keypoints_hash)
            load_published(model, weights.state)
            model.origin = str(weights.folder)
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
            autocast: "fp32"; "bf16" or "fp16": convolutions of dense motion and of what paints in 16 bits,
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
            model.merge_layers()
        if autocast != "fp32":
            model.use_half_convolutions(DTYPES[autocast])
        return model.to(memory_format=torch.channels_last) if channels_last else model

    def merge_layers(self) -> None:
        """Merge batch norms and doublings into convolutions, in place, in eval mode."""
        raise NotImplementedError

    def use_half_convolutions(self, dtype: torch.dtype) -> None:
        """Cast the convolutions of dense motion and of what paints to a 16-bit type, in place."""
        raise NotImplementedError

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

    def locate(self, frames: Tensor) -> Tensor:
        """Give the places alone (N, K, 2) of the keypoints that `extract` finds, on the model's device."""
        return self.extract(frames).value

    def check_avd(self) -> None:
        """Refuse weights without an AVD network.

        Raises:
            InputError: naming them.
        """
        if not self.can_disentangle:
            raise InputError(
                f"{self.origin}: holds {self.kind} weights and no AVD network (`train avd` adds one to a "
                "TPSMM's; mode relative needs none)"
            )

    def disentangle(self, kp_source: Motion, kp_driving: Motion) -> Motion:
        """Give a driver's points (T,) the source's proportions.

        Raises:
            InputError: if these weights hold no AVD network.
        """
        self.check_avd()
        raise NotImplementedError

    def _check_range(self, *results: Tensor) -> None:
        """Refuse what a float16 beyond 65504 has spoilt: it becomes infinite, then no number at all."""
        if self.final.weight.dtype != torch.float16:
            return
        if not all(bool(result.isfinite().all()) for result in results):
            raise RunError(
                "values beyond float16's range came up while rendering: use precision fp32 or bf16"
            )

    def _check_frames(self, frames: Tensor) -> None:
        if frames.ndim != 4 or frames.shape[1] != self.num_channels:
            raise ValueError(f"frames must be (N, {self.num_channels}, H, W), got {tuple(frames.shape)}")

    def _check_motion(self, motion: Motion) -> None:
        if motion.num_kp != self.num_kp:
            raise ValueError(f"motion has {motion.num_kp} keypoints, this model {self.num_kp}")

    def _batch_for(self, frames: Tensor) -> int:
        if self.batch_size is not None:
            return self.batch_size
        pixels = self.pixels_per_batch.get(self.device.type, self.pixels_per_batch["cpu"])
        return max(1, pixels // (frames.shape[-1] * frames.shape[-2]))
