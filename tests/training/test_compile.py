"""`torch.compile` takes the motion generators' networks and losses whole, and changes nothing.

The backend "eager" needs no C++ compiler: it runs what was captured as it is, without a graph break.
"""

import pytest
import torch

from fommvg_lib.motion_losses import (
    fi_discriminator_terms,
    fi_generator_terms,
    lag_moments,
    lsgan_generator,
    moment_matching,
    noise_recovery,
    vp_discriminator_terms,
    vp_generator_terms,
    wasserstein_critic,
    wasserstein_generator,
)
from fommvg_lib.share import Share
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.motion_space import critic_terms
from fommvg_lib.training.update import Updater
from tests.training.small_runs import small_ar, small_fi, small_flow, small_vp, small_wgan

BATCH, FRAMES = 4, 12


@pytest.fixture(autouse=True)
def _recurrent():
    """As the engine sets it."""
    with torch._dynamo.config.patch(allow_rnn=True):
        torch._dynamo.reset()
        yield
        torch._dynamo.reset()


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def assert_same_when_compiled(losses, parameters, *inputs):
    """Compare losses, and the gradients of their sum, of a function and of what was captured of it."""
    sides = []
    for function in (losses, torch.compile(losses, backend="eager", fullgraph=True)):
        values = function(*inputs)
        sides.append((values, torch.autograd.grad(sum(values), parameters, allow_unused=True)))
    torch.testing.assert_close(*sides)
    assert all(value.isfinite() for value in sides[0][0])
    assert any(gradient is not None and gradient.any() for gradient in sides[0][1])


def parts(recipe):
    networks = [network.train() for network in recipe.networks.values()]
    return [p for network in networks for p in network.parameters() if p.requires_grad]


def test_published_vp_is_one_graph():
    recipe = small_vp(form="legacy")
    network, critic = recipe.model.network, recipe.networks["critic"]

    def losses(x0, real, noise):
        generator = vp_generator_terms(network, critic, x0, noise, 3, 0.5)
        return generator["total"], vp_discriminator_terms(network, critic, real, x0, noise, 3)["total"]

    x0 = random(BATCH, 24).clamp(-0.9, 0.9)
    assert_same_when_compiled(losses, parts(recipe), x0, random(BATCH, 10, 24), random(BATCH, 9, 6))


def test_default_vp_is_one_graph():
    recipe = small_vp()
    network, critic, features = recipe.model.network, recipe.networks["critic"], recipe.features

    def losses(condition, real, noise):
        fake = network(condition, noise)
        mean, variance = lag_moments(fake, (0, 1, 4))
        total = lsgan_generator(critic(features(fake), condition))
        total = total + moment_matching(mean, variance, torch.ones_like(mean))
        terms = critic_terms(critic, features(real), features(fake).detach(), condition, 0.0)
        return total, terms["total"]

    inputs = random(BATCH, 24), random(BATCH, FRAMES, 6), random(BATCH, FRAMES, 6)
    assert_same_when_compiled(losses, parts(recipe), *inputs)


def test_published_fi_is_one_graph():
    recipe = small_fi(form="legacy")
    network, critic, recover = recipe.model.network, recipe.networks["critic"], recipe.networks["recover"]

    def losses(real, x0, x1, noise):
        terms, fake = fi_generator_terms(network, critic, recover, real, x0, x1, noise, 3, 10.0, 1.0)
        return terms["total"], fi_discriminator_terms(critic, real, fake, 3)["total"]

    x0 = random(BATCH, 24)
    inputs = random(BATCH, 10, 24), x0, x0.flip(0), random(BATCH, 8, 6)
    assert_same_when_compiled(losses, parts(recipe), *inputs)


def test_default_fi_is_one_graph():
    recipe = small_fi()
    network, recover, features = recipe.model.network, recipe.networks["recover"], recipe.features

    def losses(condition, noise):
        fake = network(condition, noise)
        return fake.square().mean(), noise_recovery(recover(features(fake)), noise[:, 1:-1])

    assert_same_when_compiled(losses, parts(recipe), random(BATCH, 48), random(BATCH, FRAMES, 6))


def test_wgan_is_one_graph():
    recipe = small_wgan()
    network, critic, features = recipe.model.network, recipe.networks["critic"], recipe.features

    def losses(condition, real, noise):
        fake = features(network(condition, noise))
        scores = critic(features(real), condition), critic(fake.detach(), condition)
        return wasserstein_generator(critic(fake, condition)), wasserstein_critic(*scores)

    inputs = random(BATCH, 48), random(BATCH, FRAMES, 6), random(BATCH, FRAMES, 8)
    assert_same_when_compiled(losses, parts(recipe), *inputs)


@pytest.mark.parametrize("build", [small_vp, small_fi, small_wgan, small_ar, small_flow])
def test_steps_with_compiled_networks_are_those_of_plain_ones(build):
    rows = []
    for is_compiled in (False, True):
        recipe = build(min_window=12, max_window=12)  # one length: captured once
        modules = recipe.compiled_modules()
        reached = {id(p) for module in modules for p in module.parameters()}
        assert {id(p) for p in parts(recipe)} <= reached, "a network would stay plain"
        if is_compiled:
            for module in modules:
                module.compile(backend="eager", fullgraph=True)
        batches, update = recipe.batches(0, Share()), Updater(recipe, Processes(recipe.device))
        rows.append([update(next(batches), step) for step in range(2)])
    torch.testing.assert_close(*rows)
