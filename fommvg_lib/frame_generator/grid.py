"""Geometry shared by the frame generators: coordinate grids, keypoint heatmaps, warps, image pyramids.

Conventions: coordinates are (x, y) on the last axis, in [-1, 1], -1 and +1 being the centres of the border
pixels (Siarohin et al. 2019, supplementary code). That is sampling with `align_corners=True`; models name the
convention they sample with, and bilinear *resizes* of maps use False under both, as the published code does.
Everything here is computed in float32, also under autocast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def coordinate_grid(size: tuple[int, int], like: Tensor) -> Tensor:
    """Give the coordinates of each pixel's centre.

    Args:
        size: (H, W) in pixels, each at least 2.
        like: a tensor on the wanted device; float64 is kept, anything else gives float32.

    Returns:
        (H, W, 2) in [-1, 1], xy; the corner pixels lie at exactly -1 and +1.
    """
    height, width = size
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    x = 2 * (torch.arange(width, device=like.device, dtype=dtype) / (width - 1)) - 1
    y = 2 * (torch.arange(height, device=like.device, dtype=dtype) / (height - 1)) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)  # (H, W, 2)


def gaussian_heatmaps(value: Tensor, size: tuple[int, int], variance: float) -> Tensor:
    """Draw exp(-|z - p|^2 / (2 variance)) for each keypoint; not normalised, its peak is 1.

    Args:
        value: keypoints (..., K, 2) in [-1, 1], xy.
        size: (H, W) in pixels.
        variance: in squared coordinate units (published: 0.01).

    Returns:
        (..., K, H, W) in (0, 1].

    Source: Siarohin et al. 2019, Eq. 6.
    """
    height, width = size
    grid = coordinate_grid((height, width), value)
    value = value.to(grid.dtype)
    # The Gaussian separates: two short exponentials and one product per pixel.
    x = torch.exp(-0.5 * (grid[0, :, 0] - value[..., 0, None]) ** 2 / variance)  # (..., K, W)
    y = torch.exp(-0.5 * (grid[:, 0, 1] - value[..., 1, None]) ** 2 / variance)  # (..., K, H)
    return y[..., :, None] * x[..., None, :]  # (..., K, H, W)


def warp(image: Tensor, grid: Tensor, align_corners: bool, padding_mode: str = "zeros") -> Tensor:
    """Sample `image` bilinearly where `grid` points, in float32.

    Args:
        image: (1 or B, C, H, W); a single image serves all grids without being copied.
        grid: (B, h, w, 2) in [-1, 1], xy: where each output pixel comes from.
        align_corners: the convention of the grid, see the module.
        padding_mode: what lies outside, "zeros", "border" or "reflection".

    Returns:
        (B, C, h, w), dtype of the grid.
    """
    image = image.to(grid.dtype).expand(grid.shape[0], *image.shape[1:])
    return F.grid_sample(image, grid, "bilinear", padding_mode, align_corners=align_corners)


def resize_map(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (B, C, H, W) to (B, C, *size) bilinearly, if they have another size."""
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False)


def resize_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a sampling grid (B, h, w, 2) to (B, *size, 2) bilinearly, if it has another size."""
    if tuple(grid.shape[1:3]) == tuple(size):
        return grid
    return resize_map(grid.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)  # (B, H, W, 2)


def gaussian_kernel(scale: float) -> Tensor:
    """Give the anti-alias kernel (k, k): sigma (1/scale - 1)/2, side 2 round(4 sigma) + 1, sum 1."""
    sigma = (1 / scale - 1) / 2
    side = 2 * round(4 * sigma) + 1
    offset = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    line = torch.exp(-(offset**2) / (2 * sigma**2))
    kernel = line[:, None] * line[None, :]
    return kernel / kernel.sum()


class AntiAliasDownsample(nn.Module):
    """Blur, then keep every (1/scale)-th pixel from index 0; a scale of 1 passes the image through.

    Args:
        num_channels: C.
        scale: 1 over a whole number.
        persistent: whether the kernel is part of the state dict, as in published networks.

    Raises:
        ValueError: if 1/scale is no whole number.

    Source: the public FOMM release; zero padding, kernel as in `gaussian_kernel`, kept as buffer `weight`.
    """

    weight: Tensor

    def __init__(self, num_channels: int, scale: float, persistent: bool = True) -> None:
        super().__init__()
        self.stride = round(1 / scale)
        if self.stride < 1 or abs(self.stride * scale - 1) > 1e-6:
            raise ValueError(f"scale {scale} is not 1 over a whole number")
        if self.stride > 1:
            kernel = gaussian_kernel(scale)
            kernel = kernel.expand(num_channels, 1, *kernel.shape).contiguous()
            self.register_buffer("weight", kernel, persistent=persistent)

    def forward(self, image: Tensor) -> Tensor:
        """Downscale (B, C, H, W) to (B, C, H*scale, W*scale), in float32."""
        if self.stride == 1:
            return image
        channels, _, side, _ = self.weight.shape
        with torch.autocast(image.device.type, enabled=False):
            image = image.to(self.weight.dtype)
            return F.conv2d(image, self.weight, stride=self.stride, padding=side // 2, groups=channels)


class ImagePyramid(nn.Module):
    """The image at each of several scales, for losses and the discriminator; holds no state.

    Args:
        scales: each 1 over a whole number (published: 1, 0.5, 0.25, 0.125).
        num_channels: C.
    """

    def __init__(self, scales: tuple[float, ...], num_channels: int) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.downs = nn.ModuleList(AntiAliasDownsample(num_channels, s, persistent=False) for s in scales)

    def forward(self, image: Tensor) -> dict[float, Tensor]:
        """Give {scale: (B, C, H*scale, W*scale)}."""
        return {scale: down(image) for scale, down in zip(self.scales, self.downs, strict=True)}
