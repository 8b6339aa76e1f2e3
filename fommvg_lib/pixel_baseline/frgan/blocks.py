"""FRGAN's residual blocks (Zhao et al. 2018, forecasting): down for encoders and critic, up for the decoder.

Parameters carry the public release's names (`shortcut.1`, `conv1.1`, `conv2.0`). The up block takes its input
as parts of several resolutions and treats each at its own (`resampled_conv`): a batch norm and a ReLU see
nothing of an upsampling but repeated values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.pixel_baseline.frgan.resampled_conv import conv_of_upsampled, pooled_conv


@dataclass(frozen=True)
class Part:
    """A map that stands, nearest-upsampled `factor` times, for a part of a layer's input channels.

    Attributes:
        features: (B, C, H / factor, W / factor).
        factor: 1, 2, 4, ...
    """

    features: Tensor
    factor: int

    def whole(self) -> Tensor:
        """Give it at full resolution (B, C, H, W)."""
        return self.features if self.factor == 1 else F.interpolate(self.features, scale_factor=self.factor)


def conv3x3(num_in: int, num_out: int) -> nn.Conv2d:
    """Build the only convolution there is: 3 x 3, stride 1, one pixel of zeros around."""
    return nn.Conv2d(num_in, num_out, 3, padding=1)


class DownBlock(nn.Module):
    """Halve the side. Main path: activation, conv, activation, conv, average pool; shortcut: pool, conv.

    Args:
        num_in: channels that come in.
        num_out: channels that go out.
        slope: of the activation below 0; 0: ReLU (encoders), 0.01 in the critic.
    """

    def __init__(self, num_in: int, num_out: int, slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), conv3x3(num_in, num_out))
        self.conv1 = conv3x3(num_in, num_out)
        self.conv2 = nn.Sequential(conv3x3(num_out, num_out), nn.AvgPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        """Give (B, num_out, H / 2, W / 2) of (B, num_in, H, W)."""
        hidden = F.leaky_relu(self.conv1(F.leaky_relu(x, self.slope)), self.slope)
        last = self.conv2[0]
        return self.shortcut(x) + pooled_conv(hidden, last.weight, last.bias)


class UpBlock(nn.Module):
    """Double the side. Main path: norm, ReLU, upsample, conv, norm, ReLU, conv; shortcut: upsample, conv.

    Args:
        num_in: channels of all parts together.
        num_out: channels that go out.
    """

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(num_in), nn.BatchNorm2d(num_out)
        self.conv1 = nn.Sequential(nn.Upsample(scale_factor=2), conv3x3(num_in, num_out))
        self.conv2 = conv3x3(num_out, num_out)
        self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), conv3x3(num_in, num_out))

    def forward(self, parts: list[Part]) -> Tensor:
        """Give (B, num_out, 2H, 2W) of parts that stand for (B, num_in, H, W) in the order of channels."""
        normalised = [Part(F.relu(part.features), part.factor) for part in norm_parts(self.bn1, parts)]
        hidden = _upsample_and_convolve(normalised, self.conv1[1])
        return self.conv2(F.relu(self.bn2(hidden))) + _upsample_and_convolve(parts, self.shortcut[1])


def _upsample_and_convolve(parts: list[Part], conv: nn.Conv2d) -> Tensor:
    """Sum each part's share of the convolution of all parts, upsampled once more."""
    weights = conv.weight.split([part.features.shape[1] for part in parts], dim=1)
    made = [conv_of_upsampled(p.features, w, 2 * p.factor) for p, w in zip(parts, weights, strict=True)]
    return torch.stack(made).sum(0) + conv.bias[:, None, None]


def norm_parts(norm: nn.BatchNorm2d, parts: list[Part]) -> list[Part]:
    """Normalise parts as `norm` would their upsampled concatenation, its running statistics included.

    Mean and variance are those of the small maps; only the unbiased variance that `norm` keeps knows of the
    repeated values. Other norms (synchronised ones of several GPUs) are given the whole map.
    """
    if type(norm) is not nn.BatchNorm2d:
        whole = norm(torch.cat([part.whole() for part in parts], dim=1))
        return [Part(w, 1) for w in whole.split([part.features.shape[1] for part in parts], dim=1)]
    made, start = [], 0
    for part in parts:
        rows = slice(start, start + part.features.shape[1])
        made.append(Part(_norm_part(norm, part, rows), part.factor))
        start = rows.stop
    if norm.training:
        norm.num_batches_tracked.add_(1)
    return made


def _norm_part(norm: nn.BatchNorm2d, part: Part, rows: slice) -> Tensor:
    x, scale, shift = part.features, norm.weight[rows], norm.bias[rows]
    mean, variance = norm.running_mean[rows], norm.running_var[rows]
    if not norm.training:
        return F.batch_norm(x, mean, variance, scale, shift, False, 0.0, norm.eps)
    # Copies, for autograd keeps what it is given and would find the buffers changed by the next part.
    new_mean, new_variance = mean.clone(), variance.clone()
    made = F.batch_norm(x, new_mean, new_variance, scale, shift, True, norm.momentum, norm.eps)
    count = x.numel() // x.shape[1]
    whole = count * part.factor**2
    kept = (1 - norm.momentum) * variance
    mean.copy_(new_mean)
    variance.copy_(kept + (new_variance - kept) * (whole / (whole - 1) * (count - 1) / count))
    return made
