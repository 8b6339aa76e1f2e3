"""A training step of the FOMM written down straight from the paper and the public release's description.

The layers are the library's own; what lies between them is the obvious form of each formula: heads one after
the other, kernels applied before pixels are dropped, Gaussians and affine maps for each pixel, the source
repeated for each candidate, matrices inverted by `torch.linalg.inv`, the transform differentiated by
autograd, the discriminator's features of the real frame in the graph, one backward pass through everything.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.frame_generator.fomm import Fomm, MultiScaleDiscriminator, Transform
from fommvg_lib.frame_generator.fomm.dense_motion import DenseMotionNetwork
from fommvg_lib.frame_generator.fomm.generator import Generator
from fommvg_lib.frame_generator.fomm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.grid import AntiAliasDownsample, ImagePyramid, coordinate_grid
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import Vgg19Features


class PlainStep:
    """Losses, gradients and moves of a step, in the published order.

    Args:
        config: losses and sizes, of the vox-256 family (Jacobians, occlusion, no blending, features as large
            as the flow).
        model: what trains.
        discriminator: likewise, or None without adversarial terms.
        vgg: features of the perceptual loss.
    """

    def __init__(
        self,
        config: FommConfig,
        model: Fomm,
        discriminator: MultiScaleDiscriminator | None,
        vgg: Vgg19Features,
    ) -> None:
        self.config, self.model, self.discriminator, self.vgg = config, model, discriminator, vgg
        self.pyramid = ImagePyramid(config.scales, config.model.num_channels)
        parts = {"generator": model.generator, "kp_detector": model.kp_detector}
        if discriminator is not None:
            parts["discriminator"] = discriminator
        rate = 2e-4
        self.optimizers = {
            name: torch.optim.Adam(part.parameters(), rate, betas=(0.5, 0.999))
            for name, part in parts.items()
        }

    def __call__(self, source: Tensor, driving: Tensor, transform: Transform) -> None:
        """Do a step."""
        self.backward_generator(source, driving, transform)
        for name in ("generator", "kp_detector"):
            self.optimizers[name].step()
            self.optimizers[name].zero_grad()
        if self.discriminator is not None:
            self.backward_discriminator(driving)
            self.optimizers["discriminator"].step()
            self.optimizers["discriminator"].zero_grad()

    def backward_generator(self, source: Tensor, driving: Tensor, transform: Transform) -> None:
        """Compute the gradients of generator and detector (and some of the discriminator)."""
        weights = self.config.loss_weights
        kp_source, kp_driving = (
            detect(self.model.kp_detector, source),
            detect(self.model.kp_detector, driving),
        )
        prediction = generate(self.model.generator, source, kp_source, kp_driving)
        terms = self._perceptual(prediction, driving)
        if self.discriminator is not None:
            shown = kp_driving.detach()
            on_fake, on_real = self._judge(prediction, shown), self._judge(driving, shown)
            terms.append(weights.generator_gan * ((1 - on_fake.prediction_map) ** 2).mean())
            pairs = zip(weights.feature_matching, on_real.features, on_fake.features, strict=True)
            terms += [weight * (real - fake).abs().mean() for weight, real, fake in pairs]
        kp_transformed = detect(
            self.model.kp_detector, transform.frame(driving, self.config.model.align_corners)
        )
        carried = transform.points(kp_transformed.value)
        terms.append(weights.equivariance_value * (kp_driving.value - carried).abs().mean())
        carried = derivative(transform, kp_transformed.value) @ kp_transformed.jacobian
        product = torch.linalg.inv(kp_driving.jacobian) @ carried
        terms.append(
            weights.equivariance_jacobian * (torch.eye(2, dtype=product.dtype) - product).abs().mean()
        )
        sum(terms).backward()
        self.prediction, self.kp_driving = prediction.detach(), kp_driving.detach()

    def backward_discriminator(self, driving: Tensor) -> None:
        """Compute the discriminator's gradients, those of the generator's pass being thrown away."""
        self.optimizers["discriminator"].zero_grad()
        on_fake = self._judge(self.prediction, self.kp_driving).prediction_map
        on_real = self._judge(driving, self.kp_driving).prediction_map
        loss = ((1 - on_real) ** 2 + on_fake**2).mean()
        (self.config.loss_weights.discriminator_gan * loss).backward()

    def _judge(self, image: Tensor, kp: Motion):
        return self.discriminator(image, kp)[1.0]

    def _perceptual(self, prediction: Tensor, driving: Tensor) -> list[Tensor]:
        terms = []
        for down in self.pyramid.downs:
            pairs = zip(
                self.config.loss_weights.perceptual,
                self.vgg(downsample(down, prediction)),
                self.vgg(downsample(down, driving)),
                strict=True,
            )
            terms += [weight * (fake - real.detach()).abs().mean() for weight, fake, real in pairs]
        return terms


def downsample(layer: AntiAliasDownsample, image: Tensor) -> Tensor:
    """Blur every pixel, then drop most of them."""
    if layer.stride == 1:
        return image
    side, channels = layer.weight.shape[-1], image.shape[1]
    blurred = F.conv2d(F.pad(image, (side // 2,) * 4), layer.weight, groups=channels)
    return blurred[:, :, :: layer.stride, :: layer.stride]


def detect(network: KeypointDetector, image: Tensor) -> Motion:
    """Find keypoints and Jacobians."""
    features = network.predictor(downsample(network.down, image))
    logits = network.kp(features)
    batch, num_kp, height, width = logits.shape
    heatmap = torch.softmax(logits.view(batch, num_kp, -1) / network.temperature, dim=2)
    heatmap = heatmap.view(batch, num_kp, height, width)
    value = (heatmap[..., None] * coordinate_grid((height, width), heatmap)).sum(dim=(2, 3))
    maps = network.jacobian(features).reshape(batch, num_kp, 4, height, width)
    jacobian = (heatmap[:, :, None] * maps).sum(dim=(3, 4))
    return Motion(value, jacobian.view(batch, num_kp, 2, 2))


def gaussians(value: Tensor, size: tuple[int, int], variance: float) -> Tensor:
    """Draw keypoints, pixel by pixel."""
    offset = coordinate_grid(size, value) - value[:, :, None, None]
    return torch.exp(-0.5 * (offset**2).sum(dim=-1) / variance)


def estimate(network: DenseMotionNetwork, source: Tensor, kp_source: Motion, kp_driving: Motion):
    """Give deformation (B, h, w, 2) and occlusion map (B, 1, h, w)."""
    image = downsample(network.down, source)
    batch, channels, height, width = image.shape
    size, num_kp = (height, width), kp_source.num_kp
    heatmap = gaussians(kp_driving.value, size, network.kp_variance)
    heatmap = heatmap - gaussians(kp_source.value, size, network.kp_variance)
    heatmap = torch.cat([torch.zeros_like(heatmap[:, :1]), heatmap], dim=1)[:, :, None]
    identity = coordinate_grid(size, image)[None, None]
    affine = kp_source.jacobian @ torch.linalg.inv(kp_driving.jacobian)
    affine = affine[:, :, None, None].repeat(1, 1, height, width, 1, 1)
    moved = (affine @ (identity - kp_driving.value[:, :, None, None])[..., None])[..., 0]
    moved = moved + kp_source.value[:, :, None, None]
    motions = torch.cat([identity.repeat(batch, 1, 1, 1, 1), moved], dim=1)  # (B, K+1, h, w, 2)
    repeated = image[:, None].repeat(1, num_kp + 1, 1, 1, 1).view(-1, channels, height, width)
    deformed = sample(repeated, motions.view(-1, height, width, 2), network.align_corners)
    deformed = deformed.view(batch, num_kp + 1, channels, height, width)
    features = network.hourglass(torch.cat([heatmap, deformed], dim=2).view(batch, -1, height, width))
    mask = torch.softmax(network.mask(features), dim=1)
    deformation = (motions.permute(0, 1, 4, 2, 3) * mask[:, :, None]).sum(dim=1).permute(0, 2, 3, 1)
    return deformation, torch.sigmoid(network.occlusion(features))


def generate(network: Generator, source: Tensor, kp_source: Motion, kp_driving: Motion) -> Tensor:
    """Render the driving frame; as published, the source itself is warped too, for pictures."""
    features = network.first(source)
    for block in network.down_blocks:
        features = block(features)
    deformation, occlusion = estimate(network.dense_motion_network, source, kp_source, kp_driving)
    features = sample(features, deformation, network.align_corners) * occlusion
    wide = F.interpolate(deformation.permute(0, 3, 1, 2), size=source.shape[-2:], mode="bilinear")
    sample(source, wide.permute(0, 2, 3, 1), network.align_corners)
    features = network.bottleneck(features)
    for block in network.up_blocks:
        features = block(features)
    return torch.sigmoid(network.final(features))


def sample(image: Tensor, grid: Tensor, align_corners: bool) -> Tensor:
    """Sample with zeros outside."""
    return F.grid_sample(image, grid, align_corners=align_corners)


def derivative(transform: Transform, points: Tensor) -> Tensor:
    """Differentiate the transform at points (B, K, 2) by autograd: (B, K, 2, 2)."""
    moved = transform.points(points)
    rows = [torch.autograd.grad(moved[..., i].sum(), points, create_graph=True)[0] for i in (0, 1)]
    return torch.stack(rows, dim=-2)


def as_nchw(module: nn.Module) -> nn.Module:
    """Lay weights out as torch does by default."""
    return module.to(memory_format=torch.contiguous_format)
