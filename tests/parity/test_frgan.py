"""FRGAN's forecasting stage against frozen numbers of the public release (8aeb064f, torch 2.13, CPU).

Both files lie in `tests/data/parity/frgan`. Tolerance: rtol 1e-4 (the fixtures' README); gradients 1e-4 of
the largest entry. The critic's last bias has no gradient but rounding, which its first Adam step blows up to
1e-4: with it the generator's loss may move by as much.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fommvg_lib.config.frgan import ForecastConfig, FrganLossWeights
from fommvg_lib.pixel_baseline.frgan.forecast import ForecastCritic, ForecastGenerator
from fommvg_lib.pixel_baseline.frgan.objective import critic_losses, forecast_losses

FOLDER = Path(__file__).resolve().parents[1] / "data" / "parity" / "frgan"
CONFIG = ForecastConfig(code_dim=8, min_width=4, max_width=16)
WEIGHTS = FrganLossWeights()


def under(tensors: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def frozen():
    return load_file(FOLDER / "forecast_16.safetensors")


@pytest.fixture
def networks(frozen):
    generator, critic = ForecastGenerator(CONFIG, 3, 3, 16), ForecastCritic(CONFIG, 6, 16)
    generator.load_state_dict(under(frozen, "state/gen/"))
    critic.load_state_dict(under(frozen, "state/dis/"))
    return generator, critic


def inputs(tensors: dict) -> list:
    return [tensors[f"in/{name}"] for name in ("x_src", "n_src", "n_dst", "x_dst")]


def assert_close(got, wanted):
    torch.testing.assert_close(got.detach(), wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_encoder_and_critic(frozen, networks):
    generator, critic = networks
    source, _, driving_map, driving = inputs(frozen)
    code = generator.img_encoder(source)
    assert_close(code.code, frozen["out/img_encoder_z"])
    assert_close(code.levels[-1], frozen["out/img_encoder_last"])
    assert_close(critic(torch.cat([driving, driving_map], dim=1)), frozen["out/dis_real"])


@pytest.mark.parametrize("mode", ["out", "out_train"])
@torch.no_grad()
def test_forecast(frozen, networks, mode: str):
    generator = networks[0].train(mode == "out_train")
    source, source_map, driving_map, _ = inputs(frozen)
    made = generator(source, source_map, driving_map)
    assert_close(made.image, frozen[f"{mode}/image"])
    assert_close(made.mask, frozen[f"{mode}/weight_map"])


def test_a_training_step(networks):
    generator, critic = networks
    frozen = load_file(FOLDER / "train_step_16.safetensors")
    source, source_map, driving_map, driving = inputs(frozen)
    move = [torch.optim.Adam(network.parameters(), 1e-4, (0.0, 0.9)) for network in (critic, generator)]
    made = generator(source, source_map, driving_map)
    pair = [torch.cat([image, driving_map], dim=1) for image in (driving, made.image.detach())]

    losses = critic_losses(critic, *pair, frozen["in/eps"][:, 0], WEIGHTS)
    losses["total"].backward()
    torch.testing.assert_close(losses["total"].detach(), frozen["out/loss_dis"], rtol=1e-4, atol=0)
    assert_gradients(critic, under(frozen, "out/grad_at_dis_step/"))
    move[0].step()

    losses = forecast_losses(critic, made, driving, driving_map, WEIGHTS)
    losses["total"].backward()
    torch.testing.assert_close(losses["total"].detach(), frozen["out/loss_gen"], rtol=1e-4, atol=0)
    assert_gradients(generator, under(frozen, "out/grad/"))
    move[1].step()
    for name, wanted in under(frozen, "out/state_after/").items():
        assert_close(generator.state_dict()[name], wanted)


def assert_gradients(network: torch.nn.Module, wanted: dict):
    assert len(wanted) >= 3
    for name, gradient in wanted.items():
        atol = 1e-4 * gradient.abs().max().item()
        torch.testing.assert_close(network.get_parameter(name).grad, gradient, rtol=0, atol=atol)
