"""Inpainting network: warps the source's features at all sizes and fills in what was hidden.

Zhao and Zhang 2022. `encode` is what depends on the source alone, `decode` the rest. Maps are listed
from the frame's size down in `encode`, from the smallest up in all that follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fommvg_lib.config.fomm import HEAD_KERNEL
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.frame_generator.fomm.blocks import laid_out_as
from fommvg_lib.frame_generator.tpsmm.blocks import (
    down_block,
    res_block,
    resize_map,
    same_block,
    up_block,
    warp_by,
)
from fommvg_lib.frame_generator.tpsmm.dense_motion import DenseMotion


@dataclass(frozen=True)
class Generated:
    """A rendered batch.

    Attributes:
        prediction: (B, C, H, W) in [0, 1].
        deformed: (B, C, H, W), the source under the flow.
        dense: the motion used.
        warped_maps: the source's features, warped and masked, smallest first; gradients reach the flow only.
            None where no driving frame was given.
        driving_maps: the driving frame's features, masked likewise, without gradients; None likewise.
    """

    prediction: Tensor
    deformed: Tensor
    dense: DenseMotion
    warped_maps: list[Tensor] | None = None
    driving_maps: list[Tensor] | None = None

    @property
    def mask(self) -> Tensor:
        """The candidates' weights (B, K + 1, h, w)."""
        return self.dense.mask

    @property
    def occlusion_map(self) -> Tensor:
        """Visibility (B, 1, H, W) in [0, 1], the largest map."""
        return self.dense.occlusion_maps[-1]


class InpaintingNetwork(nn.Module):
    """Source image and dense motion to the driving frame.

    Args:
        config: sizes; see `TpsmmModelConfig`.
    """

    def __init__(self, config: TpsmmModelConfig) -> None:
        super().__init__()
        count = config.num_down_blocks
        widths = [min(config.max_features, config.block_expansion * 2**i) for i in range(count + 1)]
        self.first = same_block(config.num_channels, widths[0], 7)
        self.down_blocks = nn.ModuleList(down_block(widths[i], widths[i + 1]) for i in range(count))
        self.up_blocks, self.resblock = nn.ModuleList(), nn.ModuleList()
        for i in reversed(range(count)):
            entering = widths[i + 1] if i == count - 1 else 2 * widths[i + 1]  # joined by a warped map
            self.resblock.extend([res_block(entering), res_block(entering)])
            self.up_blocks.append(up_block(entering, widths[i]))
        self.final = nn.Conv2d(widths[0], config.num_channels, HEAD_KERNEL, padding=HEAD_KERNEL // 2)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Give num_down_blocks + 1 feature maps of images (B, C, H, W) in [0, 1], sides halving."""
        maps = [self.first(image)]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps

    def decode(self, source: Tensor, features: list[Tensor], dense: DenseMotion) -> Generated:
        """Render.

        Args:
            source: (B or 1, C, H, W) in [0, 1].
            features: what `encode` gave for it, leading axis B or 1.
            dense: the motion (B, ...).
        """
        masks = masks_for(features, dense)
        moved = _moved(features, masks, dense)
        weight = self.final.weight
        x = laid_out_as(weight, moved[0])
        for i, block in enumerate(self.up_blocks):
            x = block(self.resblock[2 * i + 1](self.resblock[2 * i](x)))
            if i + 1 < len(self.up_blocks):
                x = torch.cat([x, laid_out_as(weight, moved[i + 1]).to(x.dtype)], dim=1)
        visible = masks[-1]  # (B, 1, H, W)
        x = x * (1 - visible) + moved[-1]
        painted = torch.sigmoid(self.final(laid_out_as(weight, x)).to(source.dtype))
        deformed = warp_by(dense.deformation, source)  # (B, C, H, W)
        return Generated(painted * (1 - visible) + deformed * visible, deformed, dense)

    def forward(self, source: Tensor, dense: DenseMotion, driving: Tensor | None = None) -> Generated:
        """Render sources (B, C, H, W); with the driving frames, give the maps of the warp loss too."""
        features = self.encode(source)
        generated = self.decode(source, features, dense)
        if driving is None:
            return generated
        detached = [feature.detach() for feature in features]
        masks = [mask.detach() for mask in masks_for(features, dense)]
        with torch.no_grad():
            driving_maps = [
                mask * feature for mask, feature in zip(masks, reversed(self.encode(driving)), strict=True)
            ]
        warped_maps = _moved(detached, masks, dense)
        return Generated(generated.prediction, generated.deformed, dense, warped_maps, driving_maps)


def masks_for(features: list[Tensor], dense: DenseMotion) -> list[Tensor]:
    """Give an occlusion map for each feature map, smallest first."""
    sizes = [tuple(feature.shape[-2:]) for feature in reversed(features)]
    masks = dense.occlusion_maps
    if len(masks) == 1:
        masks = masks * len(sizes)
    return [resize_map(mask, size) for mask, size in zip(masks, sizes, strict=True)]


def _moved(features: list[Tensor], masks: list[Tensor], dense: DenseMotion) -> list[Tensor]:
    """Warp and mask each feature map, smallest first."""
    pairs = zip(reversed(features), masks, strict=True)
    return [warp_by(dense.deformation, feature) * mask for feature, mask in pairs]
