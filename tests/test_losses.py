"""Losses: closed forms, limits and gradients."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib import losses
from fommvg_lib.files import InputError
from fommvg_lib.perceptual import (
    TAPS,
    VGG19_HASH,
    VGG19_URL,
    PixelPyramidLoss,
    Vgg19Features,
    Vgg19Loss,
    build_perceptual,
    vgg19_path,
)


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_l1_is_mean_absolute_difference():
    assert losses.l1(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 0.0])) == 2.0


def test_gradient_l1_ignores_brightness_and_sees_edges():
    image = images(2, 3, 8, 8)
    assert losses.gradient_l1(image, image + 0.3) < 1e-6
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    torch.testing.assert_close(losses.gradient_l1(ramp, torch.zeros_like(ramp)), torch.tensor(1.0))


def test_lsgan_terms_vanish_at_their_targets():
    ones, zeros = torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    assert losses.lsgan_generator(ones) == 0 and losses.lsgan_generator(zeros) == 1
    assert losses.lsgan_discriminator(ones, zeros) == 0 and losses.lsgan_discriminator(zeros, ones) == 2


def test_feature_matching_weighs_each_block():
    real = [torch.zeros(1, 2), torch.zeros(1, 3)]
    generated = [torch.ones(1, 2), 2 * torch.ones(1, 3)]
    assert losses.feature_matching(real, generated, (10.0, 1.0)) == 12
    with pytest.raises(ValueError):
        losses.feature_matching(real, generated, (10.0,))


def test_equivariance_jacobian_vanishes_when_maps_are_carried_along():
    jacobian = torch.eye(2) + 0.2 * images(2, 5, 2, 2)
    assert losses.equivariance_jacobian(jacobian, jacobian) < 1e-6
    twice = losses.equivariance_jacobian(jacobian, 2 * jacobian)  # |I - 2I| has mean 1/2
    torch.testing.assert_close(twice, torch.tensor(0.5))


@pytest.mark.parametrize("channels", [1, 3])
def test_pixel_stand_in_is_zero_for_equal_images_only_and_gives_gradients(channels):
    loss = build_perceptual("pixel", (1.0, 0.5), (10.0, 0.0, 10.0))
    assert isinstance(loss, PixelPyramidLoss) and not loss.state_dict()
    driving, prediction = images(2, channels, 16, 16), images(2, channels, 16, 16, seed=1).requires_grad_()
    assert loss(driving, driving) == 0
    value = loss(prediction, driving)
    value.backward()
    assert value > 0 and prediction.grad.abs().sum() > 0


def test_pixel_stand_in_at_full_scale_is_its_formula():
    a, b = images(1, 3, 8, 8), images(1, 3, 8, 8, seed=1)
    loss = PixelPyramidLoss((1.0,), (2.0, 5.0, 3.0))
    wanted = 2 * losses.l1(a, b) + 5 * (a - b).square().mean() + 3 * losses.gradient_l1(a, b)
    torch.testing.assert_close(loss(a, b), wanted)


def test_vgg19_has_torchvision_names_and_taps_the_relus():
    network = Vgg19Features(widths=(2, 3, 4, 5, 5))
    convolutions = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    wanted = {f"features.{index}.{part}" for index in convolutions for part in ("weight", "bias")}
    assert set(network.state_dict()) == wanted
    assert all(isinstance(network.features[index], torch.nn.ReLU) for index in TAPS)
    maps = network(images(1, 3, 16, 16))
    assert [tuple(m.shape[1:]) for m in maps] == [(2, 16, 16), (3, 8, 8), (4, 4, 4), (5, 2, 2), (5, 1, 1)]
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_vgg_loss_repeats_grey_and_reaches_the_prediction_only():
    torch.manual_seed(0)
    loss = Vgg19Loss((1.0, 0.5), (10.0,) * 5, Vgg19Features(widths=(2, 2, 2, 2, 2)))
    driving, prediction = images(1, 1, 32, 32), images(1, 1, 32, 32, seed=1)
    rgb = loss(prediction.expand(-1, 3, -1, -1), driving.expand(-1, 3, -1, -1))
    torch.testing.assert_close(loss(prediction, driving), rgb)
    driving.requires_grad_(), prediction.requires_grad_()
    loss(prediction, driving).backward()
    assert driving.grad is None and prediction.grad.abs().sum() > 0


def test_unreachable_vgg_weights_are_one_clear_error_naming_the_manual_path(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("fommvg_lib.perceptual.VGG19_URL", (tmp_path / "no-such.pth").as_uri())
    with pytest.raises(InputError) as error:
        build_perceptual("vgg19", (1.0,), (10.0,) * 5)
    message = str(error.value)
    assert str(vgg19_path()) in message and "perceptual=pixel" in message and "\n" not in message


def test_damaged_vgg_weights_are_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    vgg19_path().parent.mkdir(parents=True)
    vgg19_path().write_bytes(b"torn")
    with pytest.raises(InputError, match="VGG19"):
        build_perceptual("vgg19", (1.0,), (10.0,) * 5)


def test_unknown_perceptual_loss_is_refused():
    with pytest.raises(ValueError, match="vgg19 or pixel"):
        build_perceptual("lpips", (1.0,), (1.0,))


def test_vgg_url_carries_the_hash_that_is_checked():
    assert torch.hub.HASH_REGEX.search(VGG19_URL).group(1) == VGG19_HASH


@pytest.mark.network
def test_fetched_vgg_tells_pictures_apart():
    loss = build_perceptual("vgg19", (1.0, 0.5), (10.0,) * 5)
    driving = images(1, 3, 64, 64)
    assert loss(driving, driving) == 0 and loss(images(1, 3, 64, 64, seed=1), driving) > 1
