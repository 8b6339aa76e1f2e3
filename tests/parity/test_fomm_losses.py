"""Losses, gradients and states after a step against the public FOMM release."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.config.fomm import FommConfig, FommLossWeights
from fommvg_lib.frame_generator.fomm.discriminator import MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.fomm.objective import discriminator_loss, generator_losses
from fommvg_lib.frame_generator.fomm.transform import Transform
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.perceptual import Vgg19Features, Vgg19Loss
from tests.parity.fomm_fixtures import (
    Fixture,
    assert_close,
    assert_gradient_close,
    assert_motion_close,
    detector_config,
    discriminator_config,
    generator_options,
)

CASES = ["losses_eval", "losses_use_kp_eval", "losses_train_sn", "losses_vgg_stub_eval"]


def build(case, shared):
    """Build model, discriminator, config and perceptual loss of a case."""
    kind, params = case.hp["discriminator"], case.hp["train_params"]
    options = generator_options(shared.hp["generator"])
    common = ("num_kp", "num_channels", "estimate_jacobian")
    options = {name: value for name, value in options.items() if name not in common}
    weights = {k: tuple(v) if isinstance(v, list) else v for k, v in params["loss_weights"].items()}
    config = FommConfig(
        size=128,
        model=detector_config(shared.hp["kp"], **options),
        discriminator=discriminator_config(shared.hp["discriminator"][kind]),
        loss_weights=FommLossWeights(**weights),
        scales=tuple(float(scale) for scale in params["scales"]),
    )
    model = Fomm(config.model, config.size)
    load_published(model.kp_detector, shared.under("state/kp_detector"))
    load_published(model.generator, shared.under("state/generator"))
    discriminator = MultiScaleDiscriminator(config.discriminator, 3, 10)
    load_published(discriminator, shared.under(f"state/discriminator_{kind}"))
    return model, discriminator, config, vgg_stub(shared, config)


def vgg_stub(shared, config):
    """The fixtures' small VGG: slices hold the layers under their torchvision indices."""
    network = Vgg19Features(widths=(4, 8, 16, 32, 32))
    state = shared.under("state/vgg")
    features = {f"features.{k.split('.', 1)[1]}": v for k, v in state.items() if k.startswith("slice")}
    network.load_state_dict(features)
    assert_close(network.mean.flatten(), state["mean"].flatten())
    assert_close(network.std.flatten(), state["std"].flatten())
    return Vgg19Loss(config.scales, config.loss_weights.perceptual, network)


@pytest.mark.parametrize("name", CASES)
def test_losses_gradients_and_states_match_release(name):
    case, shared = Fixture(name), Fixture("losses_shared_state")
    model, discriminator, config, perceptual = build(case, shared)
    is_training = name.startswith("losses_train")
    model.train(is_training), discriminator.train(is_training)
    tolerance = {"atol": 5e-4} if is_training else {}
    share = 3e-2 if is_training else 5e-3
    transform = Transform(case["in/transform/theta"], case["in/transform/control_params"])
    source, driving = shared["in/source"], shared["in/driving"]

    terms, made = generator_losses(model, discriminator, source, driving, transform, config, perceptual)
    torch.stack(list(terms.values())).sum().backward()
    assert_motion_close(made.kp_driving, case.motion("out/kp_driving"), **tolerance)
    assert_close(made.kp_source.value, case["out/kp_source/value"], **tolerance)
    assert_motion_close(made.transformed_kp, case.motion("out/transformed_kp"), **tolerance)
    assert_close(made.transformed_frame[0, :, ::2, ::2], case["out/transformed_frame_sample0_stride2"])
    prediction = made.generated.prediction
    assert_close(prediction[0, :, ::2, ::2], case["out/prediction_sample0_stride2"], **tolerance)
    check_gradients(case, "kp_detector", model.kp_detector, share)
    check_gradients(case, "generator", model.generator, share)

    if config.loss_weights.generator_gan:
        discriminator.zero_grad()
        against = discriminator_loss(discriminator, driving, prediction, made.kp_driving, config)
        against["disc_gan"].backward()
        check_gradients(case, "discriminator", discriminator, share)
        terms |= against
    wanted = case.under("out/loss")
    assert terms.keys() == wanted.keys()
    for term, value in wanted.items():
        assert_close(terms[term], value, atol=0, rtol=1e-4)
    check_states(case, "kp_detector", model.kp_detector)
    check_states(case, "discriminator", discriminator)


def check_gradients(case, part, module, share):
    parameters = dict(module.named_parameters())
    for key, wanted in case.under(f"out/grad/{part}").items():
        assert_gradient_close(f"{part}.{key}", parameters[key].grad, wanted, share)


def check_states(case, part, module):
    """Batch statistics and spectral vectors; the release's batch norm never counts batches, ours does."""
    state = module.state_dict()
    for key, wanted in case.under(f"out/state_after/{part}").items():
        if not key.endswith("num_batches_tracked"):
            assert_close(state[key], wanted, atol=5e-4)
