"""Animation via disentanglement: a driver's points given the source's proportions (Zhao and Zhang 2022).

One network sees the source's points and keeps who it is, one sees the driver's and keeps the pose; a third
puts points together. It learns from two frames of one person, the driver's points being stretched at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig
from fommvg_lib.motion import Motion


class AvdNetwork(nn.Module):
    """Points of two people to points with the first's identity and the second's pose.

    Args:
        config: sizes of the bottlenecks.
        num_kp: keypoints (5 for each spline).
    """

    def __init__(self, config: AvdNetworkConfig, num_kp: int) -> None:
        super().__init__()
        self.num_kp = num_kp
        self.id_encoder = _perceptron(2 * num_kp, (256, 512, 1024), config.id_bottleneck)
        self.pose_encoder = _perceptron(2 * num_kp, (256, 512, 1024), config.pose_bottleneck)
        entering = config.id_bottleneck + config.pose_bottleneck
        self.decoder = _perceptron(entering, (1024, 512, 256), 2 * num_kp)

    def forward(self, kp_identity: Motion, kp_pose: Motion) -> Motion:
        """Give points (B, 5K, 2), not limited to [-1, 1], for two motions of leading axis B."""
        with torch.autocast(kp_pose.value.device.type, enabled=False):
            identity = self.id_encoder(kp_identity.value.flatten(1))
            pose = self.pose_encoder(kp_pose.value.flatten(1))
            points = self.decoder(torch.cat([pose, identity], dim=1))
        return Motion(points.unflatten(1, (self.num_kp, 2)))


def _perceptron(in_features: int, widths: tuple[int, ...], out_features: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(in_features, width), nn.BatchNorm1d(width), nn.ReLU()]
        in_features = width
    return nn.Sequential(*layers, nn.Linear(in_features, out_features))


@contextmanager
def in_eval_mode(network: AvdNetwork) -> Iterator[AvdNetwork]:
    """Put a network into evaluation mode, and back into the mode it was in."""
    was_training = network.training
    try:
        yield network.eval()
    finally:
        network.train(was_training)


def random_stretch(batch_size: int, amplitude: float, generator: torch.Generator) -> Tensor:
    """Draw a factor for x and for y of each item from [1 - amplitude, 1 + amplitude].

    Args:
        batch_size: B.
        amplitude: published 0.25.
        generator: source of all randomness; the factors lie on its device.

    Returns:
        (B, 1, 2), to be multiplied with points.
    """
    uniform = torch.rand(batch_size, 2, generator=generator, device=generator.device)
    return stretch_of(uniform, amplitude)


def stretch_of(uniform: Tensor, amplitude: float) -> Tensor:
    """Turn numbers (B, 2) in [0, 1) into the factors (B, 1, 2) of `random_stretch`."""
    return (1 - amplitude + 2 * amplitude * uniform)[:, None]
