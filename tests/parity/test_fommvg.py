"""VP and FI as published against frozen numbers of the public FOMMVG release (revision 4e86296b).

The fixtures lie outside the repository, in `../shared/parity/fommvg`. Tolerance: rtol 1e-4.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from fommvg_lib.motion_generator.networks import MLP, PublishedInterpolation, PublishedPrediction
from fommvg_lib.motion_generator.video_prediction import translate_published
from fommvg_lib.motion_losses import (
    fi_discriminator_terms,
    fi_generator_terms,
    kl_log_variance,
    vp_discriminator_terms,
    vp_generator_terms,
)

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "parity" / "fommvg"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no parity fixtures at {FIXTURES}")


def read(name):
    with safe_open(FIXTURES / f"{name}.safetensors", framework="pt") as stream:
        tensors = {key: stream.get_tensor(key) for key in stream.keys()}
        return tensors, json.loads(stream.metadata()["hp"])


def batch_first(tensor):
    return tensor.transpose(0, 1).contiguous()


def part(state, name):
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def load_parts(fixture, **modules):
    state = translate_published(
        {k.removeprefix("state/"): v for k, v in fixture.items() if k.startswith("state/")}
    )
    for name, module in modules.items():
        module.load_state_dict(part(state, name))


def assert_close(got, wanted, what):
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6, msg=lambda text: f"{what}: {text}")


def our_name(name):
    return name + "_l0" if name.split(".")[0] in ("frnn", "brnn") else name


def build_vp():
    fixture, hp = read("vp_Dlen1")
    network = PublishedPrediction(hp["x_dim"], hp["x_dim"] // 2, hp["n_dim"], hp["h_dim"], hp["n_comp"])
    critic = MLP(hp["x_dim"], hp["x_dim"] // 2, 1)
    load_parts(fixture, ench=network.ench, encc=network.encc, frnn=network.frnn, pred=network.pred, D=critic)
    network.components.copy_(fixture["in/pca_comp"])
    network.stdev.copy_(fixture["in/pca_stdev"])
    return network, critic


def named(**modules):
    return {f"{part}.{name}": p for part, m in modules.items() for name, p in m.named_parameters()}


def vp_parameters(network, critic):
    return named(ench=network.ench, encc=network.encc, frnn=network.frnn, pred=network.pred, D=critic)


def check_gradients(fixture, parameters, only):
    """Compare the gradients of one side. Those of the critic ("D") are frozen one backward pass late.

    They hold the critic's own gradient of step 1 plus what the generator's backward pass of step 2 adds.
    """
    checked = 0
    for key, wanted in fixture.items():
        name = key.removeprefix("out/grad/")
        if name == key or (name.split(".")[0] == "D") != (only == "D"):
            continue
        got = parameters[our_name(name)].grad
        assert (got - wanted).abs().max() <= 1e-4 * wanted.abs().max(), name
        checked += 1
    assert checked


def check_state_after(fixture, parameters):
    names = [key.removeprefix("out/state_after/") for key in fixture if key.startswith("out/state_after/")]
    assert names
    for name in names:
        assert_close(parameters[our_name(name)].detach(), fixture[f"out/state_after/{name}"], name)


def test_vp_rollout_equals_published():
    fixture, _ = read("vp_Dlen1")
    network, _ = build_vp()
    with torch.no_grad():
        motion, coefficients = network.rollout(fixture["in/x0"], batch_first(fixture["in/noise_gstep"]))
    assert_close(motion, batch_first(fixture["out/gstep/pred_xs"]), "pred_xs")
    flat = coefficients.flatten(0, 1)
    assert_close(flat.mean(dim=0), fixture["out/gstep/pred_params_mean"], "mean")
    assert_close(flat.var(dim=0), fixture["out/gstep/pred_params_var"], "variance")
    assert (motion.abs() == 1).any(), "the fixture exercises the clamp"


def run_vp_step(network, critic, optimizers, fixture, hp, noise_g, noise_d, on_generator=None):
    x0, real = fixture["in/x0"], batch_first(fixture["in/real_x"])
    terms = vp_generator_terms(
        network, critic, x0, batch_first(fixture[noise_g]), hp["D_len"], hp["weight_lm"], "legacy"
    )
    optimizers["G"].zero_grad()
    terms["total"].backward()
    if on_generator:
        on_generator()
    optimizers["G"].step()
    optimizers["D"].zero_grad()
    scored = vp_discriminator_terms(network, critic, real, x0, batch_first(fixture[noise_d]), hp["D_len"])
    scored["total"].backward()
    optimizers["D"].step()
    return {**terms, **scored}


@pytest.mark.parametrize("name", ["vp_Dlen1", "vp_Dlen3", "vp_Dlen15"])
def test_vp_losses_gradients_and_three_updates_equal_published(name):
    fixture, hp = read(name)
    network, critic = build_vp()
    parameters = vp_parameters(network, critic)
    betas = (hp["beta1"], 0.999)
    optimizers = {
        "G": torch.optim.Adam(network.parameters(), hp["glr"], betas),
        "D": torch.optim.Adam(critic.parameters(), hp["lr"], betas),
    }
    steps = [("out/loss", "in/noise_forward_G", "in/noise_forward_D")]
    steps += [(f"out/step{n}", f"in/noise_step{n}_G", f"in/noise_step{n}_D") for n in (2, 3)]
    sides = iter(("G", "D"))

    def check():
        side = next(sides, None)
        if side:
            check_gradients(fixture, parameters, side)

    for prefix, noise_g, noise_d in steps:
        terms = run_vp_step(network, critic, optimizers, fixture, hp, noise_g, noise_d, check)
        for term in ("loss_G", "loss_vae", "loss_D_real", "loss_D_fake"):
            assert_close(terms[term].detach(), fixture[f"{prefix}/{term}"], f"{prefix}/{term}")
    check_state_after(fixture, parameters)


def test_moment_term_equals_published():
    fixture, _ = read("kl_criterion")
    got = kl_log_variance(*(fixture[f"in/{name}"] for name in ("mu1", "second_arg", "mu2", "fourth_arg")))
    assert_close(got, fixture["out/kl"], "kl")


def build_fi():
    fixture, hp = read("fi_Dlen1")
    network = PublishedInterpolation(hp["x_dim"], hp["x_dim"] // 2, hp["n_dim"], hp["rnn_size"])
    critic, recover = MLP(4 * hp["x_dim"], 100, 1), MLP(hp["x_dim"], hp["n_dim"], hp["n_dim"])
    load_parts(
        fixture, E=network.E, frnn=network.frnn, brnn=network.brnn, pred=network.pred, D=critic, H=recover
    )
    return network, critic, recover


def test_fi_sequence_equals_published():
    fixture, _ = read("fi_Dlen1")
    network, _, recover = build_fi()
    with torch.no_grad():
        motion = network(fixture["in/x0"], fixture["in/x1"], batch_first(fixture["in/noise_gstep"]))
        recovered = recover(motion[:, 1:-1])
    assert_close(motion, batch_first(fixture["out/gstep/pred_xs"]), "pred_xs")
    assert_close(recovered, batch_first(fixture["out/gstep/noise_enc"]), "noise_enc")
    assert torch.equal(motion[:, 0], fixture["in/x0"]) and torch.equal(motion[:, -1], fixture["in/x1"])


@pytest.mark.parametrize("name", ["fi_Dlen1", "fi_Dlen3", "fi_Dlen3_recons"])
def test_fi_losses_gradients_and_three_updates_equal_published(name):
    fixture, hp = read(name)
    network, critic, recover = build_fi()
    parameters = named(
        E=network.E, frnn=network.frnn, brnn=network.brnn, pred=network.pred, D=critic, H=recover
    )
    betas = (hp["beta1"], 0.999)
    generator = torch.optim.Adam([*network.parameters(), *recover.parameters()], hp["lr"], betas)
    discriminator = torch.optim.Adam(critic.parameters(), hp["lr"], betas)
    real = batch_first(fixture["in/real_x"])
    for index, (prefix, noise) in enumerate(
        [("out/loss", "in/noise_forward"), ("out/step2", "in/noise_step2"), ("out/step3", "in/noise_step3")]
    ):
        terms, fake = fi_generator_terms(
            network, critic, recover, real, fixture["in/x0"], fixture["in/x1"], batch_first(fixture[noise]),
            hp["D_len"], hp["weight_lm"], hp["weight_recons"],
        )  # fmt: skip
        generator.zero_grad()
        terms["total"].backward()
        if index < 2:
            check_gradients(fixture, parameters, "GD"[index])
        generator.step()
        discriminator.zero_grad()
        scored = fi_discriminator_terms(critic, real, fake, hp["D_len"])
        scored["total"].backward()
        discriminator.step()
        terms |= scored
        for term in ("loss_G", "loss_motion", "loss_D_real", "loss_D_fake"):
            assert_close(terms[term].detach(), fixture[f"{prefix}/{term}"], f"{prefix}/{term}")
    check_state_after(fixture, parameters)
