"""LPIPS: published heads, torchmetrics' figure on the same network, what is said where parts are absent."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import nn

from fommvg_lib.files import InputError
from fommvg_lib.metrics import lpips
from fommvg_lib.metrics.lpips import BACKBONES, Lpips, load_lpips
from fommvg_lib.metrics.outcome import NotAvailable, outcome_of

HAS_HEADS = importlib.util.find_spec("torchmetrics") is not None
needs_heads = pytest.mark.skipif(not HAS_HEADS, reason="torchmetrics is not installed")


def images(seed=0, side=48, count=2):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def random_state(name):
    """Weights of the right shapes under torchvision's names, with layers that nothing here reads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = BACKBONES[name].build()
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
    return {
        **{f"features.{k}": v for k, v in features.state_dict().items()},
        "classifier.1.bias": torch.ones(1),
    }


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of torch, where the hash of a file that is there is taken for the published one."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def model(cache, monkeypatch) -> Lpips:
    torch.save(random_state("alex"), cache / "alexnet-owt-7be5be79.pth")
    real = lpips.sha256
    monkeypatch.setattr(lpips, "sha256", lambda p: "7be5be79" if p.parent == cache else real(p))
    return load_lpips("alex")


def test_taps_are_the_published_layers():
    for name, widths in (("alex", [64, 192, 384, 256, 256]), ("vgg", [64, 128, 256, 512, 512])):
        layers = BACKBONES[name].build()
        assert [layers[tap - 1].out_channels for tap in BACKBONES[name].taps] == widths
        assert all(isinstance(layers[tap], nn.ReLU) for tap in BACKBONES[name].taps)
        assert len(layers) == BACKBONES[name].taps[-1] + 1
    keys = [key for key in BACKBONES["alex"].build().state_dict() if key.endswith("weight")]
    assert keys == [f"{index}.weight" for index in (0, 3, 6, 8, 10)]  # torchvision's


@needs_heads
def test_equal_images_have_no_distance_and_others_have(model):
    first, second = images(), images(1)
    assert model(first, first).tolist() == [0, 0]
    assert torch.allclose(model(first, second), model(second, first))
    assert model(first, second).min() > 0 and model(first, second).shape == (2,)
    assert torch.allclose(model(first, second)[1:], model(first[1:], second[1:]))
    grey = images()[:, :1]
    assert torch.equal(model(grey, 1 - grey), model(*(x.expand(-1, 3, -1, -1) for x in (grey, 1 - grey))))


@needs_heads
def test_more_noise_is_farther(model):
    first = 0.25 + 0.5 * images()
    noise = images(2) - 0.5
    distances = [model(first, first + level * noise).mean().item() for level in (0.05, 0.1, 0.2, 0.4)]
    assert distances == sorted(distances) and distances[0] > 0


@needs_heads
def test_torchmetrics_gives_the_same(model, monkeypatch):
    module = pytest.importorskip("torchmetrics.functional.image.lpips")
    monkeypatch.setattr(module, "_get_tv_model_features", lambda net, pretrained=False: model.features)
    theirs = module._LPIPS(net="alex")
    first, second = images(), images(1)
    wanted = theirs(first, second, normalize=True).flatten().tolist()
    assert model(first, second).tolist() == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@needs_heads
def test_the_smallest_side_is_just_enough(model):
    assert model(images(side=31), images(1, side=31)).isfinite().all()
    with pytest.raises(ValueError, match="at least 31"):
        model(images(side=30), images(1, side=30))


@needs_heads
def test_absent_weights_make_it_not_available(cache, monkeypatch):
    outcome = outcome_of(lambda: load_lpips("alex") and 0.0)
    assert "alexnet-owt-7be5be79.pth" in outcome.reason and str(cache) in outcome.reason

    def offline(*args, **options):
        assert options["check_hash"] and options["weights_only"]
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(NotAvailable, match="could not be fetched .*no route"):
        load_lpips("vgg", fetch=True)


@needs_heads
def test_another_file_is_refused(cache, tmp_path):
    torch.save(random_state("alex"), cache / "alexnet-owt-7be5be79.pth")
    with pytest.raises(InputError, match="is not alexnet-owt.*7be5be79"):
        load_lpips("alex")
    with pytest.raises(InputError, match="no such file"):
        load_lpips("alex", tmp_path / "absent.pth")


@needs_heads
def test_other_heads_are_refused(cache, monkeypatch):
    monkeypatch.setattr(lpips, "sha256", lambda path: "0" * 64)
    with pytest.raises(InputError, match="not the published file of heads"):
        load_lpips("alex")


def test_without_torchmetrics_it_says_so(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotAvailable, match="torchmetrics.* not installed"):
        load_lpips()
    with pytest.raises(ValueError, match="alex or vgg"):
        load_lpips("squeeze")
