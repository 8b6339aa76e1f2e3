"""The networks of CVI: image encoder, latent generator, video generator (Li et al. 2019, arXiv 1905.10240).

Layer by layer as in a public re-implementation of the paper, with its errors mended: noise is drawn for each
sample (there it is one trained variable), the picture leaves through a tanh (there through batch norm and a
leaky ReLU), and all norms are shared between the two calls of the encoder. Pictures are in [-1, 1], videos
(B, C, T, H, W). `FrameSkips` and `PixelSkips` are our variant `cvi-skip`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.config.cvi import CviModelConfig

SLOPE = 0.2
START_LOGIT = -3.0
"""What an untrained network's own picture weighs against the two known ones, before the softmax."""


def widths(config: CviModelConfig) -> list[int]:
    """Give the channels at 1/2, 1/4, ... of the image's size."""
    return [config.base_width * 2**level for level in range(config.num_halvings)]


def in_fast_layout(network: nn.Module) -> nn.Module:
    """Give a network back whose kernels lie channels last: 3-D convolutions are then up to twice as fast."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in network.parameters():
        if parameter.dim() in layouts:
            parameter.data = parameter.data.contiguous(memory_format=layouts[parameter.dim()])
    return network


class ImageEncoder(nn.Module):
    """Each known frame to a latent picture; the same weights for both."""

    def __init__(self, config: CviModelConfig) -> None:
        super().__init__()
        blocks, entering = [], config.num_channels
        for width in widths(config):
            halving = _conv_norm_relu(entering, width, 4, 2)
            blocks.append(nn.Sequential(*halving, *_conv_norm_relu(width, width, 3, 1)))
            entering = width
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(*_conv_norm_relu(entering, config.latent_dim, 3, 1))

    def forward(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encode (B, C, H, W): the latent (B, L, H/8, W/8), and features at 1/2, 1/4, 1/8 of the size."""
        features = []
        for block in self.blocks:
            frames = block(frames)
            features.append(frames)
        return self.last(frames), features


def _conv_norm_relu(entering: int, width: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(entering, width, kernel, stride, 1), nn.BatchNorm2d(width), nn.ReLU()


class LatentLayer(nn.Module):
    """One residual layer: both ends are let in through gates that noise opens.

    Args:
        latent_dim: L.
        noise_dim: D.
        num_frames: frames T_l of the latent video here.
    """

    def __init__(self, latent_dim: int, noise_dim: int, num_frames: int) -> None:
        super().__init__()
        self.latent_dim, self.num_frames = latent_dim, num_frames
        self.noise = nn.Linear(noise_dim, num_frames * latent_dim)
        self.gates = nn.Conv1d(latent_dim, 3 * latent_dim, 3, padding=1)
        self.conv1 = nn.Conv3d(latent_dim, latent_dim, 3, padding=1)
        self.conv2 = nn.Conv3d(latent_dim, latent_dim, 3, padding=1)

    def forward(self, video: Tensor, first: Tensor, last: Tensor, noise: Tensor) -> Tensor:
        """Refine a latent video.

        Args:
            video: z, (B, L, T_l, h, w).
            first: latent of the first frame, (B, L, h, w).
            last: latent of the last frame, (B, L, h, w).
            noise: (B, D).

        Returns:
            (B, L, T_l, h, w).
        """
        drawn = self.noise(noise).view(-1, self.num_frames, self.latent_dim).mT  # (B, L, T_l)
        video = fuse(video, first, last, *self.gates(drawn).chunk(3, dim=1))
        inner = F.leaky_relu(self.conv1(video), SLOPE)
        return F.leaky_relu(video + self.conv2(inner), SLOPE)


def fuse(
    video: Tensor, first: Tensor, last: Tensor, logit_first: Tensor, logit_last: Tensor, offset: Tensor
) -> Tensor:
    """Mix a latent video with both ends: g_s E_s + g_e E_e + max(1 - g_s - g_e, 0) z + n.

    Args:
        video: z, (B, L, T, h, w).
        first: E_s, (B, L, h, w).
        last: E_e, (B, L, h, w).
        logit_first: g_s before its sigmoid, (B, L, T); one gate for a channel's whole picture.
        logit_last: g_e before its sigmoid, (B, L, T).
        offset: n, (B, L, T).

    Returns:
        (B, L, T, h, w).
    """
    gate_first, gate_last = logit_first.sigmoid(), logit_last.sigmoid()
    rest = (1 - gate_first - gate_last).clamp_min(0)
    gate_first, gate_last, rest, offset = (x[..., None, None] for x in (gate_first, gate_last, rest, offset))
    return gate_first * first[:, :, None] + gate_last * last[:, :, None] + rest * video + offset


class LatentGenerator(nn.Module):
    """From the latents of both ends and noise to a latent video: 2 frames, then 4, 8, ... T."""

    def __init__(self, config: CviModelConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList()
        num_frames = 4
        while num_frames <= config.num_frames:
            sizes = config.latent_dim, config.noise_dim, num_frames
            self.scales.append(nn.ModuleList(LatentLayer(*sizes) for _ in range(config.layers_per_scale)))
            num_frames *= 2

    def forward(self, first: Tensor, last: Tensor, noise: Tensor) -> Tensor:
        """Give (B, L, T, h, w) of latents (B, L, h, w) and noise (B, D)."""
        video = torch.stack([first, last], dim=2)
        for layers in self.scales:
            video = video.repeat_interleave(2, dim=2)
            for layer in layers:
                video = layer(video, first, last, noise)
        return video


class FrameSkips(nn.Module):
    """Adds features of both ends to those of the video, by weights for each place and frame.

    The weights are a softmax over first, last and neither; before training they follow a cross-fade.

    Args:
        width: channels of the features.
        num_frames: T.
    """

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        self.weigh = FadeWeights(width, num_frames)

    def forward(self, video: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """(B, F, T, h, w) and twice (B, F, h, w) -> (B, F, T, h, w)."""
        weight_first, weight_last, _ = self.weigh(video).split(1, dim=1)
        return video + weight_first * first[:, :, None] + weight_last * last[:, :, None]


class PixelSkips(nn.Module):
    """Composes a video of both known pictures and a new one, by weights for each pixel and frame.

    Args:
        width: channels of the features from which the weights are made.
        num_frames: T.
    """

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        self.weigh = FadeWeights(width, num_frames)

    def forward(self, features: Tensor, made: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """Compose.

        Args:
            features: (B, F, T, H, W).
            made: (B, C, T, H, W).
            first: (B, C, H, W).
            last: (B, C, H, W).

        Returns:
            (B, C, T, H, W).
        """
        weight_first, weight_last, rest = self.weigh(features).split(1, dim=1)
        return weight_first * first[:, :, None] + weight_last * last[:, :, None] + rest * made


class FadeWeights(nn.Module):
    """Weights of first, last and neither, (B, 3, T, h, w), which sum to 1; those of a cross-fade at first."""

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(width, 3, 3, padding=1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)
        share = torch.linspace(0, 1, num_frames)
        prior = torch.stack([(1 - share).log(), share.log(), torch.full_like(share, START_LOGIT)])
        self.register_buffer("prior", prior.clamp_min(-8)[None, ..., None, None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F, T, h, w) -> (B, 3, T, h, w), in float32."""
        return (self.conv(features).float() + self.prior).softmax(dim=1)


class VideoGenerator(nn.Module):
    """From a latent video to pixels: 3-D convolutions and transposed ones, which double height and width.

    A transposed convolution of stride 1 is a convolution with the kernel turned round, so those are plain.
    """

    def __init__(self, config: CviModelConfig) -> None:
        super().__init__()
        rising = widths(config)[::-1]  # 256, 128, 64
        first = [_conv3(config.latent_dim, rising[0]), _conv3(rising[0], rising[0])]
        self.stages = nn.ModuleList([nn.Sequential(*first)])
        for entering, width in zip(rising, rising[1:], strict=False):
            self.stages.append(nn.Sequential(_doubling(entering, width), _conv3(width, width)))
        self.frame_skips = None
        narrow = rising[-1]
        if config.has_skips:
            self.frame_skips = nn.ModuleList(FrameSkips(width, config.num_frames) for width in rising)
            narrow = max(8, config.base_width // 2)
            self.fine = _doubling(rising[-1], narrow)
            self.mix = nn.Sequential(
                nn.Conv3d(narrow + 2 * config.num_channels, narrow, 3, padding=1), nn.LeakyReLU(SLOPE)
            )
            self.pixel_skips = PixelSkips(narrow, config.num_frames)
            self.last = nn.Conv3d(narrow, config.num_channels, 3, padding=1)
        else:
            self.last = nn.ConvTranspose3d(narrow, config.num_channels, (3, 4, 4), (1, 2, 2), 1)

    def forward(self, video: Tensor, ends: tuple[Tensor, Tensor], features: list[tuple[Tensor, ...]]):
        """Render a latent video.

        Args:
            video: (B, L, T, h, w).
            ends: both known frames, (B, C, H, W) in [-1, 1]; used with skips only.
            features: of both at 1/2, 1/4, ... of the size, as `ImageEncoder` gives them; likewise.

        Returns:
            (B, C, T, H, W) in [-1, 1].
        """
        for level, stage in enumerate(self.stages):
            video = stage(video)
            if self.frame_skips is not None:
                video = self.frame_skips[level](video, *features[-1 - level])
        if self.frame_skips is None:
            return self.last(video).float().tanh()
        video = self.fine(video)
        pictures = (x[:, :, None].expand(-1, -1, video.shape[2], -1, -1) for x in ends)
        video = self.mix(torch.cat([video, *pictures], dim=1))
        return self.pixel_skips(video, self.last(video).float().tanh(), *ends)


def _conv3(entering: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(entering, width, 3, padding=1), nn.BatchNorm3d(width), nn.LeakyReLU(SLOPE))


def _doubling(entering: int, width: int) -> nn.Sequential:
    conv = nn.ConvTranspose3d(entering, width, (3, 4, 4), (1, 2, 2), 1)
    return nn.Sequential(conv, nn.BatchNorm3d(width), nn.LeakyReLU(SLOPE))
