"""ResNet-18 (He et al. 2016) in our own few lines, with torchvision's key names.

The stem has any number of channels in, all widths scale with the first stage's.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input; the first may halve the size.

    Args:
        in_features: channels of the input.
        out_features: channels of the output.
        stride: 1, or 2 to halve the size.
    """

    def __init__(self, in_features: int, out_features: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_features, out_features, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_features)
        self.conv2 = nn.Conv2d(out_features, out_features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_features)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_features != out_features:
            shortcut = nn.Conv2d(in_features, out_features, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out_features))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(kept + branch)


class ResNet18(nn.Module):
    """Images to a vector.

    Args:
        in_channels: of the images.
        num_outputs: length of the vector.
        width: channels of the first stage (64 as in the paper); the others have 2, 4 and 8 times as many.
    """

    def __init__(self, in_channels: int, num_outputs: int, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.fc = nn.Linear(8 * width, num_outputs)
        for layer in self.modules():
            # A normal draw on the meta device would load torch's compiler, which takes seconds.
            if isinstance(layer, nn.Conv2d) and not layer.weight.is_meta:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """Give what the last layer sees of images (B, C, H, W): (B, 8 * width), the mean over all places."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_outputs)."""
        return self.fc(self.features(x))


def _stage(in_features: int, out_features: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(in_features, out_features, stride), BasicBlock(out_features, out_features, 1)
    )
