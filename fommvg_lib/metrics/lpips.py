"""LPIPS: how alike two images look, by the features of AlexNet or VGG16 (Zhang et al. 2018).

The networks are our own few lines with torchvision's key names; their ImageNet weights come from a file or
torch's cache and are checked by hash, as are the published linear heads (version 0.1), which lie in
torchmetrics' wheel and are read without importing it. Where one of them is absent, LPIPS is not available.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from fommvg_lib.files import InputError, sha256
from fommvg_lib.metrics.image import check_images
from fommvg_lib.metrics.outcome import NotAvailable
from fommvg_lib.published_files.checkpoint import read_checkpoint

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's statistics for images in [-1, 1]."""
EPSILON = 1e-8


@dataclass(frozen=True)
class Backbone:
    """A network whose features are compared.

    Attributes:
        layers: (channels, kernel, stride, padding) of a convolution, each followed by a ReLU, or the window
            of a max-pooling of stride 2.
        taps: indices of the layers, ReLUs counted, that are compared.
        smallest: side in pixels below which the last of them is empty.
        url: of the ImageNet weights.
        weights_hash: start of that file's SHA-256, which torch also reads from the name.
        heads_hash: SHA-256 of the published heads.
    """

    layers: tuple[tuple[int, int, int, int] | int, ...]
    taps: tuple[int, ...]
    smallest: int
    url: str
    weights_hash: str
    heads_hash: str

    def build(self) -> nn.Sequential:
        """Build the layers up to the last that is compared, with keys as within torchvision's `features`."""
        layers: list[nn.Module] = []
        entering = 3
        for layer in self.layers:
            if isinstance(layer, int):
                layers.append(nn.MaxPool2d(layer, 2))
                continue
            channels, kernel, stride, padding = layer
            layers += [nn.Conv2d(entering, channels, kernel, stride, padding), nn.ReLU()]
            entering = channels
        return nn.Sequential(*layers)


_ALEXNET_LAYERS = ((64, 11, 4, 2), 3, (192, 5, 1, 2), 3, (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
_VGG16_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_VGG16_LAYERS = tuple(
    layer for width, depth in _VGG16_STAGES for layer in ((width, 3, 1, 1),) * depth + (2,)
)[:-1]
BACKBONES = {
    "alex": Backbone(
        _ALEXNET_LAYERS,
        (1, 4, 7, 9, 11),
        31,
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "7be5be79",
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    ),
    "vgg": Backbone(
        _VGG16_LAYERS,
        (3, 8, 15, 22, 29),
        16,
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af",
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    ),
}
"""By the names that the authors gave them; "alex" is what papers report unless they say otherwise."""


class Lpips(nn.Module):
    """sum_l mean_hw w_l . (u_l - v_l)^2, u and v being features of unit length; frozen.

    Args:
        backbone: whose features; `load_lpips` gives it weights.

    Source: Zhang et al. 2018, Eq. 1.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.features = backbone.build()
        self.taps, self.smallest = backbone.taps, backbone.smallest
        widths = [self.features[tap - 1].out_channels for tap in backbone.taps]
        self.heads = nn.ParameterList(torch.zeros(width) for width in widths)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Compare images (N, 1 or 3, H, W) in [0, 1], grey being repeated: (N,) float64, 0 for equal ones.

        Raises:
            ValueError: if the shapes or the range do not fit, or a side is too small.
        """
        first, second = check_images(first, second)
        if min(first.shape[-2:]) < self.smallest:
            raise ValueError(
                f"this LPIPS needs sides of at least {self.smallest} pixels, got {tuple(first.shape[-2:])}"
            )
        distance = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        for u, v, head in zip(
            self._unit_features(first), self._unit_features(second), self.heads, strict=True
        ):
            distance += torch.einsum("nchw,c->nhw", (u - v).square(), head).mean(dim=(1, 2)).double()
        return distance

    def _unit_features(self, images: Tensor) -> list[Tensor]:
        x = (2 * images.to(self.shift).expand(-1, 3, -1, -1) - 1 - self.shift) / self.scale
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                found.append(x / (x.square().sum(dim=1, keepdim=True) + EPSILON).sqrt())
        return found


def load_lpips(name: str = "alex", path: str | Path | None = None, fetch: bool = False) -> Lpips:
    """Build LPIPS with its published weights.

    Args:
        name: "alex" or "vgg".
        path: file of the network's ImageNet weights; None looks in torch's cache.
        fetch: bring them there if they are absent (233 MB, vgg: 528 MB).

    Raises:
        ValueError: for an unknown name.
        InputError: if a file is another than the published one, or a given one is not there.
        NotAvailable: if the weights are absent, or torchmetrics, whose wheel holds the heads.
    """
    if name not in BACKBONES:
        raise ValueError(f"LPIPS is known with {' or '.join(BACKBONES)}, got {name!r}")
    backbone = BACKBONES[name]
    heads = _read_heads(name, backbone)
    state = _read_weights(backbone, path, fetch)
    model = Lpips(backbone)
    wanted = model.features.state_dict().keys()
    model.features.load_state_dict({key: state[f"features.{key}"] for key in wanted})
    for parameter, head in zip(model.heads, heads, strict=True):
        parameter.copy_(head.flatten())
    return model


def _read_weights(backbone: Backbone, path: str | Path | None, fetch: bool) -> dict[str, Tensor]:
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(backbone.url).name
    found = cached if path is None else Path(path)
    if path is not None and not found.is_file():
        raise InputError(f"{found}: there is no such file of weights")
    if not found.is_file() and not fetch:
        raise NotAvailable(f"its weights are not there: put {backbone.url} at {cached}")
    if found.is_file():
        if not sha256(found).startswith(backbone.weights_hash):  # torch checks only what it fetches
            raise InputError(
                f"{found}: is not {cached.name} (sha256 must start with {backbone.weights_hash})"
            )
        return read_checkpoint(found).entries
    try:
        return torch.hub.load_state_dict_from_url(
            backbone.url, map_location="cpu", check_hash=True, weights_only=True, progress=False
        )
    except (URLError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise NotAvailable(
            f"its weights could not be fetched ({reason}): put {backbone.url} at {cached}"
        ) from error


def _read_heads(name: str, backbone: Backbone) -> Sequence[Tensor]:
    spec = importlib.util.find_spec("torchmetrics")
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailable("its heads lie in torchmetrics, which is not installed (pip install torchmetrics)")
    folder = Path(next(iter(spec.submodule_search_locations)))
    path = folder / "functional" / "image" / "lpips_models" / f"{name}.pth"
    if not path.is_file():
        raise NotAvailable(f"this version of torchmetrics does not hold its heads ({path.name})")
    if sha256(path) != backbone.heads_hash:
        raise InputError(f"{path}: is not the published file of heads (sha256 {backbone.heads_hash[:12]})")
    state = read_checkpoint(path).entries
    return [state[f"lin{index}.model.1.weight"] for index in range(len(backbone.taps))]
