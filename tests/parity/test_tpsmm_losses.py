"""Losses and gradients against the public TPSMM release."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.config.tpsmm import TpsmmConfig, TpsmmLossWeights
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.frame_generator.tpsmm.dropout import kept_of
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.frame_generator.tpsmm.objective import generator_losses
from fommvg_lib.perceptual import Vgg19Features, Vgg19Loss
from tests.parity.fomm_fixtures import assert_close, assert_motion_close
from tests.parity.tpsmm_fixtures import Fixture, shared_config

PARTS = ("kp_detector", "dense_motion_network", "inpainting_network", "bg_predictor")
TERMS = {"warp_loss": "warp", "bg": "background"}


def build(case, shared):
    """Build model, config and perceptual loss of a case."""
    params = case.hp["train_params"]
    weights = params["loss_weights"]
    config = TpsmmConfig(
        size=128,
        model=shared_config(shared),
        loss_weights=TpsmmLossWeights(
            tuple(weights["perceptual"]), weights["equivariance_value"], weights["warp_loss"], weights["bg"]
        ),
        scales=tuple(float(scale) for scale in params["scales"]),
        background_start=params["bg_start"],
        dropout_epoch=params["dropout_epoch"],
        dropout_start=params["dropout_startp"],
        dropout_max=params["dropout_maxp"],
        dropout_rise_epochs=params["dropout_inc_epoch"],
    )
    model = Tpsmm(config.model, config.size)
    for part in PARTS:
        load_published(getattr(model, part), shared.under(f"state/{part}"))
    return model, config, vgg_stub(shared, config)


def vgg_stub(shared, config):
    """The fixtures' small VGG: slices hold the layers under their torchvision indices."""
    network = Vgg19Features(widths=(4, 8, 16, 32, 32))
    state = shared.under("state/vgg")
    features = {f"features.{k.split('.', 1)[1]}": v for k, v in state.items() if k.startswith("slice")}
    network.load_state_dict(features)
    return Vgg19Loss(config.scales, config.loss_weights.perceptual, network)


@pytest.mark.parametrize("name", ["losses_eval", "losses_eval_nobg", "losses_train_dropout"])
def test_losses_and_gradients_match_release(name):
    case, shared = Fixture(name), Fixture("shared_state")
    model, config, perceptual = build(case, shared)
    is_training = name.startswith("losses_train")
    model.train(is_training)
    tolerance = {"atol": 5e-4} if is_training else {}
    epoch, kept = case.hp["epoch"], None
    probability = config.dropout_probability(epoch)
    assert (probability > 0) == is_training
    if probability:
        kept = kept_of(case["in/dropout_uniform"], probability)
    source, driving = shared["in/source"], shared["in/driving"]

    terms, made = generator_losses(
        model, source, driving, case.transform("in/transform"), config, perceptual,
        config.uses_background(epoch), kept,
    )  # fmt: skip
    torch.stack(list(terms.values())).sum().backward()
    wanted = {TERMS.get(term, term): value for term, value in case.under("out/loss").items()}
    assert terms.keys() == wanted.keys()
    for term, value in wanted.items():
        assert_close(terms[term], value, atol=0, rtol=1e-4)
    assert_motion_close(made.kp_source, case.motion("out/kp_source"), **tolerance)
    assert_motion_close(made.kp_driving, case.motion("out/kp_driving"), **tolerance)
    assert_motion_close(made.transformed_kp, case.motion("out/transformed_kp"), **tolerance)
    assert_close(made.transformed_frame[0, :, ::2, ::2], case["out/transformed_frame_sample0_stride2"])
    prediction = made.generated.prediction[0, :, ::2, ::2]
    assert_close(prediction, case["out/prediction_sample0_stride2"], **tolerance)
    for part in PARTS:
        check_gradients(case, part, getattr(model, part), 3e-2 if is_training else 5e-3)


def check_gradients(case, part, module, share):
    """Compare gradients to a share of the largest entry; those of the maps' bias are all noise."""
    parameters = dict(module.named_parameters())
    for key, wanted in case.under(f"out/grad/{part}").items():
        largest = wanted.abs().max().item()
        assert largest > 0
        atol = max(share * largest, 1e-4) if key == "maps.bias" else share * largest
        got = parameters[key].grad
        torch.testing.assert_close(got, wanted, atol=atol, rtol=0, msg=lambda text, key=key: f"{key}: {text}")
