"""Dense motion: from two sets of keypoints to one backward flow (Zhao and Zhang 2022).

Candidate 0 is the background (identity, or an affine camera motion), candidate k carries the picture by
spline k. What depends on the source alone is prepared once and serves every driving frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fommvg_lib.config.fomm import HEAD_KERNEL
from fommvg_lib.config.tpsmm_networks import POINTS_PER_TPS, TpsmmModelConfig
from fommvg_lib.frame_generator.fomm.blocks import joint_conv
from fommvg_lib.frame_generator.fomm.dense_motion import PreparedSource
from fommvg_lib.frame_generator.grid import AntiAliasDownsample, coordinate_grid, gaussian_heatmaps, warp
from fommvg_lib.frame_generator.tpsmm.background_predictor import background_grid
from fommvg_lib.frame_generator.tpsmm.blocks import Hourglass, up_block
from fommvg_lib.frame_generator.tpsmm.dropout import softmax_of_kept
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import fit_splines
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class DenseMotion:
    """How the source is to be moved.

    Attributes:
        sparse_deformed: (B, K + 1, C, h, w), the downscaled source under each candidate motion.
        mask: (B, K + 1, h, w), the candidates' weights (published: contribution maps).
        deformation: (B, h, w, 2), where each pixel comes from, in [-1, 1], xy.
        occlusion_maps: (B, 1, H_i, W_i) in [0, 1], 1 where the warped source can be trusted; from the
            smallest to the frame's size, or a single one of the flow's size.
    """

    sparse_deformed: Tensor
    mask: Tensor
    deformation: Tensor
    occlusion_maps: list[Tensor]


def create_sparse_motions(
    kp_source: Motion, kp_driving: Motion, size: tuple[int, int], background: Tensor | None = None
) -> Tensor:
    """Carry each pixel by every thin-plate spline, from driving-frame to source-frame positions.

    Args:
        kp_source: value (1 or B, 5K, 2) in [-1, 1].
        kp_driving: value (B, 5K, 2).
        size: (H, W) in pixels.
        background: the camera's motion (B, 3, 3); None: it stands still.

    Returns:
        Sampling grids (B, K + 1, H, W, 2), xy order; index 0 is the background.

    Raises:
        ValueError: if the two sets differ in number.
    """
    if kp_source.num_kp != kp_driving.num_kp:
        raise ValueError(f"source has {kp_source.num_kp} keypoints, driving {kp_driving.num_kp}")
    origin, target = (
        kp.value.unflatten(1, (-1, POINTS_PER_TPS)) for kp in (kp_driving, kp_source)
    )  # (B, K, 5, 2)
    moved = fit_splines(origin, target).grid(size)  # (B, K, H, W, 2)
    if background is None:
        still = coordinate_grid(size, moved).expand(len(moved), *size, 2)
    else:
        still = background_grid(background, size).to(moved.dtype)
    return torch.cat([still[:, None], moved], dim=1)


class DenseMotionNetwork(nn.Module):
    """Source and keypoints to `DenseMotion`.

    Args:
        config: sizes; see `TpsmmModelConfig`.
    """

    def __init__(self, config: TpsmmModelConfig) -> None:
        super().__init__()
        self.kp_variance = config.kp_variance
        self.down = AntiAliasDownsample(config.num_channels, config.dense_motion_scale)
        in_features = config.num_kp + 1 + (config.num_tps + 1) * config.num_channels
        self.hourglass = Hourglass(config.dense_motion, in_features)
        widths = self.hourglass.decoded_features
        self.maps = _head(widths[-1], config.num_tps + 1)
        self.num_hourglass_masks = config.num_hourglass_masks if config.multi_mask else 1
        self.up = nn.ModuleList()
        masked = widths[-self.num_hourglass_masks :]
        for _ in range(config.num_mask_doublings if config.multi_mask else 0):
            self.up.append(up_block(masked[-1], masked[-1] // 2))
            masked.append(masked[-1] // 2)
        self.occlusion = nn.ModuleList(_head(width, 1) for width in masked)

    def prepare(self, source: Tensor, kp_source: Motion) -> PreparedSource:
        """Compute what depends on the source (B, C, H, W) alone."""
        image = self.down(source)
        heatmap = gaussian_heatmaps(kp_source.value, tuple(image.shape[-2:]), self.kp_variance)
        return PreparedSource(image, heatmap, kp_source)

    def forward(
        self,
        source: PreparedSource,
        kp_driving: Motion,
        background: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> DenseMotion:
        """Estimate the motion.

        Args:
            source: what `prepare` gave; its leading axis is B or 1.
            kp_driving: value (B, 5K, 2).
            background: the camera's motion (B, 3, 3), or None.
            kept: (B, K + 1) bool, candidates that take part (TPS dropout); None for all.
        """
        with torch.autocast(source.image.device.type, enabled=False):
            motions, deformed, entries = self._candidates(source, kp_driving, background)
        decoded = self.hourglass(entries)
        logits, visible = self._heads(decoded)
        with torch.autocast(source.image.device.type, enabled=False):
            mask = softmax_of_kept(logits.to(motions.dtype), kept)  # (B, K+1, h, w)
            deformation = (motions * mask[..., None]).sum(1)  # (B, h, w, 2)
            occlusion_maps = [torch.sigmoid(one.to(motions.dtype)) for one in visible]
        return DenseMotion(deformed, mask, deformation, occlusion_maps)

    def _heads(self, decoded: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Give the candidates' logits and those of the occlusion maps, smallest first."""
        count = self.num_hourglass_masks
        smaller = zip(self.occlusion[: count - 1], decoded[-count:-1], strict=True)
        visible = [head(x) for head, x in smaller]
        x = decoded[-1]
        logits, same_size = joint_conv(x, [self.maps, self.occlusion[count - 1]])
        visible.append(same_size)
        for block, head in zip(self.up, self.occlusion[count:], strict=True):
            x = block(x)
            visible.append(head(x))
        return logits, visible

    def _candidates(
        self, source: PreparedSource, kp_driving: Motion, background: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        size = tuple(source.image.shape[-2:])
        heatmap = (
            gaussian_heatmaps(kp_driving.value, size, self.kp_variance) - source.heatmap
        )  # (B, 5K, h, w)
        motions = create_sparse_motions(source.motion, kp_driving, size, background)  # (B, K+1, h, w, 2)
        batch, candidates = motions.shape[:2]
        # All candidates of an item in one tall grid: the image need not be repeated K + 1 times.
        tall = warp(source.image, motions.flatten(1, 2), align_corners=True)  # (B, C, (K+1)*h, w)
        deformed = tall.unflatten(2, (candidates, size[0])).transpose(1, 2)  # (B, K+1, C, h, w)
        still = heatmap.new_zeros(batch, 1, *size)  # the background has no keypoint
        entries = torch.cat([still, heatmap, deformed.flatten(1, 2)], dim=1)
        return motions, deformed, entries  # entries: (B, 1 + 5K + (K+1)*C, h, w)


def _head(in_features: int, out_features: int) -> nn.Conv2d:
    return nn.Conv2d(in_features, out_features, HEAD_KERNEL, padding=HEAD_KERNEL // 2)
