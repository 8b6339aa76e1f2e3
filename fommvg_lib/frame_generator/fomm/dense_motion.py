"""Dense motion: from two sets of keypoints to one backward flow (Siarohin et al. 2019, Sec. 3.2).

Candidate 0 is the background (identity); candidate k carries the picture by keypoint k's local affine map.
What depends on the source alone is prepared once and serves every driving frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fommvg_lib.config.fomm import HEAD_KERNEL, FommModelConfig
from fommvg_lib.frame_generator.fomm.blocks import Hourglass, joint_conv
from fommvg_lib.frame_generator.grid import AntiAliasDownsample, coordinate_grid, gaussian_heatmaps, warp
from fommvg_lib.motion import Motion, inverse_2x2


@dataclass(frozen=True)
class DenseMotion:
    """How the source is to be moved.

    Attributes:
        sparse_deformed: (B, K + 1, C, h, w), the downscaled source under each candidate motion.
        mask: (B, K + 1, h, w), softmax over the candidates.
        deformation: (B, h, w, 2), where each pixel comes from, in [-1, 1], xy.
        occlusion_map: (B, 1, h, w) in [0, 1], 1 where the warped source can be trusted; or None.
    """

    sparse_deformed: Tensor
    mask: Tensor
    deformation: Tensor
    occlusion_map: Tensor | None


@dataclass(frozen=True)
class PreparedSource:
    """What dense motion needs of the source.

    Attributes:
        image: (B, C, h, w), downscaled.
        heatmap: (B, K, h, w).
        motion: the source's keypoints, leading axis B.
    """

    image: Tensor
    heatmap: Tensor
    motion: Motion


def create_sparse_motions(kp_source: Motion, kp_driving: Motion, size: tuple[int, int]) -> Tensor:
    """Carry each pixel by every keypoint's local affine map: T_k(z) = p_S + J_S J_D^-1 (z - p_D).

    Args:
        kp_source: value (1 or B, K, 2), jacobian (1 or B, K, 2, 2) or None, in [-1, 1].
        kp_driving: value (B, K, 2), jacobian likewise.
        size: (H, W) in pixels.

    Returns:
        Sampling grids (B, K + 1, H, W, 2), xy order; index 0 is the background (identity).

    Raises:
        ValueError: if the two sets differ in K or only one has Jacobians.

    Source: Siarohin et al. 2019, Eq. 4.
    """
    if kp_source.num_kp != kp_driving.num_kp:
        raise ValueError(f"source has {kp_source.num_kp} keypoints, driving {kp_driving.num_kp}")
    if (kp_source.jacobian is None) != (kp_driving.jacobian is None):
        raise ValueError("only one of source and driving motion has Jacobians")
    grid = coordinate_grid(size, kp_driving.value)  # (H, W, 2)
    offset = grid - kp_driving.value.to(grid.dtype)[:, :, None, None]  # (B, K, H, W, 2)
    if kp_driving.jacobian is not None:
        affine = _product_2x2(kp_source.jacobian.to(grid.dtype), inverse_2x2(kp_driving.jacobian))
        affine = affine[:, :, None, None]  # (B, K, 1, 1, 2, 2)
        offset = affine[..., 0] * offset[..., :1] + affine[..., 1] * offset[..., 1:]
    moved = kp_source.value.to(grid.dtype)[:, :, None, None] + offset  # (B, K, H, W, 2)
    return torch.cat([grid.expand(moved.shape[0], 1, *grid.shape), moved], dim=1)


class DenseMotionNetwork(nn.Module):
    """Source and keypoints to `DenseMotion`.

    Args:
        config: sizes; `config.dense_motion` must not be None.
    """

    def __init__(self, config: FommModelConfig) -> None:
        super().__init__()
        if config.dense_motion is None:
            raise ValueError("model.dense_motion is None: there is no dense motion network to build")
        self.kp_variance = config.kp_variance
        self.align_corners = config.align_corners
        in_features = (config.num_kp + 1) * (config.num_channels + 1)
        self.hourglass = Hourglass(config.dense_motion, in_features)
        features = self.hourglass.out_features
        self.mask = nn.Conv2d(features, config.num_kp + 1, HEAD_KERNEL, padding=HEAD_KERNEL // 2)
        self.occlusion: nn.Conv2d | None = None
        if config.estimate_occlusion_map:
            self.occlusion = nn.Conv2d(features, 1, HEAD_KERNEL, padding=HEAD_KERNEL // 2)
        self.down = AntiAliasDownsample(config.num_channels, config.dense_motion_scale)

    def prepare(self, source: Tensor, kp_source: Motion) -> PreparedSource:
        """Compute what depends on the source (B, C, H, W) alone."""
        image = self.down(source)
        heatmap = gaussian_heatmaps(kp_source.value, tuple(image.shape[-2:]), self.kp_variance)
        return PreparedSource(image, heatmap, kp_source)

    def forward(self, source: PreparedSource, kp_driving: Motion) -> DenseMotion:
        """Estimate the motion of driving keypoints (B, K, ...); the source's leading axis is B or 1."""
        with torch.autocast(source.image.device.type, enabled=False):
            motions, deformed, entries = self._candidates(source, kp_driving)
        features = self.hourglass(entries)
        if self.occlusion is None:
            logits, occlusion = self.mask(features), None
        else:
            logits, occlusion = joint_conv(features, [self.mask, self.occlusion])
        with torch.autocast(source.image.device.type, enabled=False):
            mask = torch.softmax(logits.to(motions.dtype), dim=1)  # (B, K+1, h, w)
            deformation = (motions * mask[..., None]).sum(1)  # (B, h, w, 2)
            occlusion = None if occlusion is None else torch.sigmoid(occlusion.to(motions.dtype))
        return DenseMotion(deformed, mask, deformation, occlusion)

    def _candidates(self, source: PreparedSource, kp_driving: Motion) -> tuple[Tensor, Tensor, Tensor]:
        size = tuple(source.image.shape[-2:])
        heatmap = gaussian_heatmaps(kp_driving.value, size, self.kp_variance) - source.heatmap  # (B, K, h, w)
        motions = create_sparse_motions(source.motion, kp_driving, size)  # (B, K+1, h, w, 2)
        batch, candidates = motions.shape[:2]
        image = source.image.expand(batch, *source.image.shape[1:])
        # All candidates of an item in one tall grid: the image need not be repeated K + 1 times.
        tall = motions.flatten(1, 2)  # (B, (K+1)*h, w, 2)
        deformed = warp(image, tall, self.align_corners)  # (B, C, (K+1)*h, w)
        deformed = deformed.unflatten(2, (candidates, size[0])).transpose(1, 2)  # (B, K+1, C, h, w)
        background = heatmap.new_zeros(batch, 1, *size)
        heatmap = torch.cat([background, heatmap], dim=1)[:, :, None]  # (B, K+1, 1, h, w)
        entries = torch.cat([heatmap.to(deformed.dtype), deformed], dim=2).flatten(1, 2)
        return motions, deformed, entries  # entries: (B, (K+1)*(1+C), h, w)


def _product_2x2(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (..., 2, 2) matrices elementwise in their own type: a matmul may use tensor cores' TF32."""
    return (left[..., :, :, None] * right[..., None, :, :]).sum(-2)
