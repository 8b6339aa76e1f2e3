"""Occlusion-aware generator: warps the source's features and completes what was hidden.

Siarohin et al. 2019, Sec. 3.2. `encode` is what depends on the source alone, `decode` the rest. With the
option `blend_source` (ours, after TPSMM) the warped source itself is blended into the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fommvg_lib.config.fomm import HEAD_KERNEL, FommModelConfig
from fommvg_lib.frame_generator.fomm.blocks import DownBlock, ResBlock, SameBlock, UpBlock, laid_out_as
from fommvg_lib.frame_generator.fomm.dense_motion import DenseMotion, DenseMotionNetwork
from fommvg_lib.frame_generator.grid import resize_grid, resize_map, warp
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class Generated:
    """A rendered batch.

    Attributes:
        prediction: (B, C, H, W) in [0, 1].
        deformed: (B, C, H, W), the source under the flow; None without dense motion, or where not asked for.
        dense: the motion used; None without dense motion.
    """

    prediction: Tensor
    deformed: Tensor | None
    dense: DenseMotion | None

    @property
    def mask(self) -> Tensor | None:
        """The candidates' weights (B, K + 1, h, w)."""
        return None if self.dense is None else self.dense.mask

    @property
    def occlusion_map(self) -> Tensor | None:
        """Visibility (B, 1, h, w) in [0, 1]."""
        return None if self.dense is None else self.dense.occlusion_map


class Generator(nn.Module):
    """Source image and two sets of keypoints to the driving frame.

    Args:
        config: sizes and options; see `FommModelConfig`.
    """

    def __init__(self, config: FommModelConfig) -> None:
        super().__init__()
        self.align_corners = config.align_corners
        self.blend_source = config.blend_source
        self.dense_motion_network = DenseMotionNetwork(config) if config.dense_motion else None
        widths = [
            min(config.max_features, config.block_expansion * 2**i) for i in range(config.num_down_blocks + 1)
        ]
        self.first = SameBlock(config.num_channels, widths[0], 7)
        self.down_blocks = nn.ModuleList(
            DownBlock(widths[i], widths[i + 1]) for i in range(config.num_down_blocks)
        )
        self.up_blocks = nn.ModuleList(
            UpBlock(widths[i + 1], widths[i]) for i in reversed(range(config.num_down_blocks))
        )
        self.bottleneck = nn.Sequential()
        for i in range(config.num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{i}", ResBlock(widths[-1]))
        self.final = nn.Conv2d(widths[0], config.num_channels, HEAD_KERNEL, padding=HEAD_KERNEL // 2)

    def encode(self, source: Tensor) -> Tensor:
        """Give the features (B, F, H / 2^n, W / 2^n) of a source (B, C, H, W) in [0, 1]."""
        features = self.first(source)
        for block in self.down_blocks:
            features = block(features)
        return features

    def decode(
        self, source: Tensor, features: Tensor, dense: DenseMotion | None, with_deformed: bool = True
    ) -> Generated:
        """Render.

        Args:
            source: (B or 1, C, H, W) in [0, 1].
            features: what `encode` gave for it, leading axis B or 1.
            dense: the motion (B, ...), or None to pass the features straight through.
            with_deformed: also warp the source itself at full size, as pictures and losses may want.
        """
        deformed = None
        if dense is not None:
            features = self._move(features, dense)
            if with_deformed or self.blend_source:
                deformed = self._warp(source, dense.deformation)  # (B, C, H, W)
        features = laid_out_as(self.final.weight, features)
        features = self.bottleneck(features)
        for block in self.up_blocks:
            features = block(features)
        prediction = torch.sigmoid(self.final(features).to(source.dtype))
        if self.blend_source:
            visible = resize_map(dense.occlusion_map, tuple(source.shape[-2:]))
            prediction = prediction * (1 - visible) + deformed * visible
        return Generated(prediction, deformed, dense)

    def forward(self, source: Tensor, kp_source: Motion, kp_driving: Motion) -> Generated:
        """Render the driving frames (B, C, H, W) of sources (B, C, H, W) and keypoints of leading axis B."""
        features = self.encode(source)
        dense = None
        if self.dense_motion_network is not None:
            prepared = self.dense_motion_network.prepare(source, kp_source)
            dense = self.dense_motion_network(prepared, kp_driving)
        return self.decode(source, features, dense)

    def _move(self, features: Tensor, dense: DenseMotion) -> Tensor:
        moved = self._warp(features, dense.deformation)
        if dense.occlusion_map is not None:
            moved = moved * resize_map(dense.occlusion_map, tuple(moved.shape[-2:]))
        return moved

    def _warp(self, image: Tensor, deformation: Tensor) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            grid = resize_grid(deformation, tuple(image.shape[-2:]))
            return warp(image, grid, self.align_corners)
