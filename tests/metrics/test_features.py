"""Published networks are taken by hash only, see what they are to see, and are missed in one line."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fommvg_lib.files import InputError
from fommvg_lib.metrics import features
from fommvg_lib.metrics.features import I3dFeatures, InceptionFeatures, load_i3d, load_inception
from fommvg_lib.metrics.outcome import NotAvailable
from fommvg_lib.weights.registry import find_entry


class Seen(torch.nn.Module):
    """A stand-in that tells what it was shown."""

    def forward(
        self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> Tensor:
        assert return_features and not rescale and not resize
        side = torch.full_like(x[:, 0, 0, 0, 0], float(x.shape[-1]))
        return torch.stack([x.amin((1, 2, 3, 4)), x.amax((1, 2, 3, 4)), side], dim=1)


@pytest.fixture
def i3d_file(tmp_path, monkeypatch):
    """A TorchScript file that the registry knows as I3D."""
    path = tmp_path / "i3d_torchscript.pt"
    torch.jit.script(Seen()).save(str(path))
    entry = find_entry("i3d")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = replace(entry, file=replace(entry.file, num_bytes=path.stat().st_size, sha256=digest))
    monkeypatch.setattr(features, "find_entry", lambda name: known)
    return path


def test_i3d_sees_colour_of_224_pixels_between_minus_one_and_one(i3d_file):
    videos = torch.zeros(2, 12, 1, 32, 48)
    videos[1] = 1
    seen = load_i3d(i3d_file)(videos)
    assert torch.allclose(seen, torch.tensor([[-1.0, -1, 224], [1, 1, 224]]), atol=1e-5)


def test_i3d_takes_ten_frames_or_more():
    network = I3dFeatures(lambda x, **options: torch.tensor([list(x.shape)]))
    assert network(torch.zeros(1, 10, 3, 16, 16)).tolist() == [[1, 3, 10, 224, 224]]
    with pytest.raises(NotAvailable, match="9 frames are too short"):
        network(torch.zeros(1, 9, 3, 16, 16))


def test_inception_sees_bytes():
    def network(x, return_features):
        assert x.dtype == torch.uint8 and x.shape[1] == 3
        return x.flatten(1).float()

    found = InceptionFeatures(network)(torch.full((2, 1, 4, 4), 0.5))
    assert found.shape == (2, 48) and (found == 128).all()
    with pytest.raises(ValueError, match="expected images"):
        InceptionFeatures(network)(torch.zeros(3, 4, 4))


@pytest.mark.parametrize(
    "videos", [torch.zeros(2, 3, 8, 8), torch.zeros(1, 10, 2, 8, 8), torch.zeros(0, 10, 3, 8, 8)]
)
def test_other_shapes_are_refused(videos):
    with pytest.raises(ValueError, match="expected videos"):
        features.check_videos(videos)


def test_values_beyond_one_are_refused():
    with pytest.raises(ValueError, match="got 0 to 255"):
        features.check_videos(torch.tensor([0.0, 255.0]).view(1, 2, 1, 1, 1))


@pytest.mark.parametrize(("load", "name"), [(load_i3d, "i3d"), (load_inception, "inception")])
def test_absent_weights_say_how_to_fetch_them(load, name, monkeypatch, tmp_path):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path))
    with pytest.raises(NotAvailable, match=f"fommvg weights fetch {name}"):
        load()


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.pt").write_bytes(b"PK other")
    with pytest.raises(InputError, match="other.pt: is not the published i3d_torchscript.pt, it has 8 bytes"):
        load_i3d(tmp_path / "other.pt")
    with pytest.raises(InputError, match="no such file"):
        load_i3d(tmp_path / "absent.pt")
