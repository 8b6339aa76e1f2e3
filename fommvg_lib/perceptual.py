"""How alike two frames look: VGG19 features, or an offline stand-in that compares pixels and gradients.

Both compare images (B, C, H, W) in [0, 1] at several scales and give one scalar. VGG19 is our own few lines
with torchvision's key names; its weights are fetched once and checked by hash.
"""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from fommvg_lib.files import InputError, sha256
from fommvg_lib.frame_generator.grid import ImagePyramid
from fommvg_lib.losses import gradient_l1, l1

VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
VGG19_HASH = "dcbb9e9d"
"""Start of the file's SHA-256, which torch also reads from the name."""
VGG19_WIDTHS = (64, 128, 256, 512, 512)
TAPS = (1, 6, 11, 20, 29)
"""relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 (Johnson et al. 2016; the FOMM release's choice)."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Vgg19Features(nn.Module):
    """VGG19 up to relu5_1 (Simonyan and Zisserman 2015), frozen; keys `features.N` as in torchvision.

    Args:
        widths: channels of the five stages.
    """

    def __init__(self, widths: tuple[int, ...] = VGG19_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        entering = 3
        for width, depth in zip(widths, (2, 2, 4, 4, 1), strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(entering, width, 3, padding=1), nn.ReLU()]
                entering = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])  # nothing is read after relu5_1
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Give five maps of images (B, 1 or 3, H, W) in [0, 1], H and W at least 16; grey is repeated."""
        x = (_rgb(image) - self.mean) / self.std
        outputs = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                outputs.append(x)
        return outputs


class Vgg19Loss(nn.Module):
    """sum_s sum_l w_l mean |V_l(prediction_s) - V_l(driving_s)|, the driving side detached.

    Args:
        scales: of the image pyramid (published: 1, 0.5, 0.25, 0.125).
        weights: one for each of the five maps.
        network: the frozen features.

    Source: Siarohin et al. 2019, Eq. 7; Johnson et al. 2016.
    """

    name = "perceptual"

    def __init__(self, scales: tuple[float, ...], weights: tuple[float, ...], network: Vgg19Features) -> None:
        super().__init__()
        self.pyramid = ImagePyramid(scales, num_channels=3)
        self.weights = weights
        self.network = network

    def forward(self, prediction: Tensor, driving: Tensor) -> Tensor:
        """Compare images (B, 1 or 3, H, W) in [0, 1]; the smallest scale has sides of at least 16."""
        terms = []
        with torch.no_grad():
            wanted = [self.network(level) for level in self.pyramid(_rgb(driving)).values()]
        for level, target in zip(self.pyramid(_rgb(prediction)).values(), wanted, strict=True):
            pairs = zip(self.weights, self.network(level), target, strict=True)
            terms += [weight * l1(a, b) for weight, a, b in pairs]
        return torch.stack(terms).sum()


class PixelPyramidLoss(nn.Module):
    """The offline stand-in for VGG19.

    sum_s (w_1 mean |P_s - D_s| + w_2 mean (P_s - D_s)^2 + w_3 mean |grad P_s - grad D_s|) over the pyramid's
    scales s. Absolute differences alone are content with the median: a mouth that is mostly closed stays
    closed, an eye open. Squares weigh such few but large differences.

    Args:
        scales: of the image pyramid.
        weights: (w_1, w_2, w_3).

    Source: our choice, for machines without VGG19's weights and for small frames; not the published loss.
    """

    name = "pixel"

    def __init__(self, scales: tuple[float, ...], weights: tuple[float, ...]) -> None:
        super().__init__()
        self.pyramid = ImagePyramid(scales, num_channels=3)
        self.weight_pixel, self.weight_square, self.weight_gradient = weights

    def forward(self, prediction: Tensor, driving: Tensor) -> Tensor:
        """Compare images (B, 1 or 3, H, W) in [0, 1]; the smallest scale has sides of at least 2."""
        terms = []
        wanted = self.pyramid(_rgb(driving.detach()))
        for scale, level in self.pyramid(_rgb(prediction)).items():
            terms.append(self.weight_pixel * l1(level, wanted[scale]))
            terms.append(self.weight_square * (level - wanted[scale]).square().mean())
            terms.append(self.weight_gradient * gradient_l1(level, wanted[scale]))
        return torch.stack(terms).sum()


def _rgb(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1)


def vgg19_path() -> Path:
    """Give where VGG19's weights are looked for and kept."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(VGG19_URL).name


def load_vgg19() -> Vgg19Features:
    """Build VGG19's features with ImageNet weights, fetched once (548 MB) and checked by hash.

    Raises:
        InputError: if they are not there and cannot be fetched, or are damaged.
    """
    path = vgg19_path()
    if path.is_file() and not sha256(path).startswith(VGG19_HASH):  # torch checks only what it fetches
        raise InputError(f"{path}: damaged VGG19 weights (sha256 must start with {VGG19_HASH}), remove them")
    try:
        state = torch.hub.load_state_dict_from_url(
            VGG19_URL, map_location="cpu", check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: VGG19's weights are missing and could not be fetched ({reason}); put "
            f"{VGG19_URL} there by hand, or train with perceptual=pixel loss_weights.perceptual=[10,40,10]"
        ) from error
    network = Vgg19Features()
    wanted = network.state_dict().keys()
    network.load_state_dict({name: state[name] for name in wanted})
    return network.eval()


def build_perceptual(
    name: str, scales: tuple[float, ...], weights: tuple[float, ...]
) -> Vgg19Loss | PixelPyramidLoss:
    """Build the loss that a config names.

    Args:
        name: "vgg19" or "pixel".
        scales: of the image pyramid.
        weights: five for vgg19, three (pixel, squared, gradient) for pixel.

    Raises:
        ValueError: for an unknown name.
        InputError: if VGG19's weights cannot be had.
    """
    if name == "vgg19":
        return Vgg19Loss(scales, weights, load_vgg19())
    if name == "pixel":
        return PixelPyramidLoss(scales, weights)
    raise ValueError(f"perceptual must be vgg19 or pixel, got {name!r}")
