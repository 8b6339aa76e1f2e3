"""FRGAN for use: from a start frame and structure maps to video, forecast and, if it was trained, refined.

Frames are float32 in [0, 1] at this door, in [-1, 1] inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.config.frgan import ForecastConfig, FrganConfig, RefineConfig, StructureConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.frgan.forecast import ForecastGenerator
from fommvg_lib.pixel_baseline.frgan.refine import TIME_UNIT, RefineGenerator
from fommvg_lib.pixel_baseline.structure import Structure, build_structure

WINDOW = 16
"""Frames that are refined together in a longer clip; windows overlap by half and are cross-faded."""


class Frgan(nn.Module):
    """Both stages; see the module.

    Args:
        size: frame side in pixels.
        num_channels: of the frames.
        structure: what the maps are, as plain values of `StructureConfig`.
        structure_channels: of the maps.
        num_points: points a structure is drawn from, or None for precomputed maps.
        forecast: plain values of `ForecastConfig`.
        refine: plain values of `RefineConfig`, or None for a model of the first stage alone.
        frame_generator_hash: of the weights whose keypoints are its structure; kp only.
        fps: frames per second of what it learned, or None.
    """

    kind = "frgan"

    def __init__(
        self,
        size: int,
        num_channels: int,
        structure: dict[str, Any],
        structure_channels: int,
        num_points: int | None,
        forecast: dict[str, Any],
        refine: dict[str, Any] | None = None,
        frame_generator_hash: str | None = None,
        fps: float | None = None,
    ) -> None:
        super().__init__()
        self.sizes = {
            "size": size, "num_channels": num_channels, "structure": structure,
            "structure_channels": structure_channels, "num_points": num_points, "forecast": forecast,
            "refine": refine,
        }  # fmt: skip
        self.size, self.num_channels, self.structure_channels = size, num_channels, structure_channels
        self.structure = StructureConfig.from_dict(structure)
        self.num_points, self.frame_generator_hash, self.fps = num_points, frame_generator_hash, fps
        self.batch_size, self.weights_hash = 16, ""
        config = ForecastConfig.from_dict(forecast)
        FrganConfig(size=size, num_channels=num_channels, forecast=config)  # refuses sizes that do not fit
        self.generator = ForecastGenerator(config, num_channels, structure_channels, size)
        self.refiner = None
        if refine is not None:
            chosen = RefineConfig.from_dict(refine)
            self.refine_sees_structure = chosen.sees_structure
            self.refiner = RefineGenerator(chosen, num_channels, self.num_conditions(chosen))

    def num_conditions(self, refine: RefineConfig) -> int:
        """Give how many channels the refining network sees beside the forecast."""
        return refine.sees_structure * (self.num_channels + self.structure_channels)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.generator.decoder.conv.weight.device

    def drawer(self) -> Structure:
        """Give what draws the structure; raises ValueError for precomputed maps."""
        return build_structure(self.structure, self.num_points)

    @torch.no_grad()
    def render(self, source: Tensor, source_map: Tensor, maps: Tensor, begins: bool = True) -> Tensor:
        """Make a video.

        Args:
            source: start frame (C, S, S) in [0, 1].
            source_map: its structure (N, S, S) in [-1, 1].
            maps: the structure of every frame (T, N, S, S).
            begins: whether frame 0 of the video is the start frame, which then stands there untouched.

        Returns:
            (T, C, S, S) in [0, 1], on the CPU.

        Raises:
            ValueError: if shapes do not fit the model.
        """
        self._check(source, source_map, maps)
        start = 2 * source.to(self.device) - 1
        made = self.forecast(start, source_map.to(self.device), maps.to(self.device))
        if begins:
            made[0] = start
        if self.refiner is not None:
            made = self.refine(made, start, maps.to(self.device))
        video = (0.5 * made + 0.5).clamp(0, 1).cpu()
        if begins:
            video[0] = source.cpu()
        return video

    def forecast(self, source: Tensor, source_map: Tensor, maps: Tensor) -> Tensor:
        """Give every frame (T, C, S, S) in [-1, 1] by itself; what is the source's is computed once."""
        generator, parts = self.generator, []
        image, start = generator.img_encoder(source[None]), generator.norm_encoder(source_map[None])
        for chunk in maps.split(self.batch_size):
            count = len(chunk)
            driving = generator.norm_encoder(chunk)
            sources = source.expand(count, *source.shape)
            made = generator.decode(sources, image.expand(count), start.expand(count), driving)
            parts.append(made.image)
        return torch.cat(parts)

    def refine(self, forecast: Tensor, source: Tensor, maps: Tensor) -> Tensor:
        """Refine a clip (T, C, S, S) in [-1, 1], window by window; the last frame fills up short windows."""
        total = len(forecast)
        length = min(WINDOW, -(-total // TIME_UNIT) * TIME_UNIT)
        last = max(0, total - length)
        starts = sorted({*range(0, last, length // 2), last})
        weight = 1.0 - torch.linspace(-1, 1, length + 2, device=forecast.device)[1:-1].abs()  # (length,)
        made, weights = torch.zeros_like(forecast), torch.zeros(total, device=forecast.device)
        for start in starts:
            moments = torch.arange(start, start + length, device=forecast.device).clamp_max(total - 1)
            condition = self.condition(source[None], maps[moments][None])
            window = forecast[moments].movedim(0, 1)[None]  # (1, C, length, S, S)
            count = min(length, total - start)
            refined = self.refiner(window, condition).clip[0].movedim(1, 0)[:count]
            made[start : start + count] += weight[:count, None, None, None] * refined
            weights[start : start + count] += weight[:count]
        return made / weights[:, None, None, None]

    def condition(self, source: Tensor, maps: Tensor) -> Tensor | None:
        """Give what the refining network sees beside the forecast, if it sees anything.

        Args:
            source: (B, C, S, S).
            maps: (B, T, N, S, S).

        Returns:
            (B, C + N, T, S, S) or None.
        """
        if not self.refine_sees_structure:
            return None
        sources = source[:, :, None].expand(-1, -1, maps.shape[1], -1, -1)
        return torch.cat([sources, maps.transpose(1, 2)], dim=1)

    def _check(self, source: Tensor, source_map: Tensor, maps: Tensor) -> None:
        side = self.size
        wanted = (self.num_channels, side, side), (self.structure_channels, side, side)
        got = tuple(source.shape), tuple(source_map.shape)
        if got != wanted or maps.ndim != 4 or tuple(maps.shape[1:]) != wanted[1] or not len(maps):
            raise ValueError(f"expected a frame and maps {wanted}, got {got} and {tuple(maps.shape)}")

    def save(self, folder: str | Path, info: dict[str, Any] | None = None) -> str:
        """Write a weights folder; give the hash of its tensors.

        Raises:
            InputError: if the folder cannot be written.
        """
        notes = {"fps": self.fps, "frame_generator_hash": self.frame_generator_hash, **(info or {})}
        return save_weights(folder, self.kind, self.sizes, self.state_dict(), notes)

    @classmethod
    def from_weights(cls, weights: Weights) -> Self:
        """Build what `save` wrote, in evaluation mode.

        Raises:
            InputError: if they are of another kind, or configuration and tensors disagree.
        """
        if weights.kind != cls.kind:
            raise InputError(f"{weights.folder}: holds {weights.kind} weights, {cls.kind} was expected")
        known = {name: weights.info.get(name) for name in ("fps", "frame_generator_hash")}
        try:
            model = cls(**weights.config, **known)
            model.load_state_dict(weights.state)
        except (TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{weights.folder}: configuration and tensors disagree ({reason})") from error
        model.weights_hash = weights.sha256
        return model.eval()
