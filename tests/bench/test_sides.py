"""Both sides of the benches of motion generators do the same: losses and moves of steps, and samples."""

import pytest
import torch

from fommvg_lib.share import Share
from tests.bench import fi_step_speed, sampling_speed, vp_step_speed, wgan_step_speed
from tests.bench._turns import OurStep, compare_steps

SIDES = {
    "vp": (lambda: vp_step_speed.build(8, 4), vp_step_speed.Plain),
    "fi": (lambda: fi_step_speed.build(8, 4), fi_step_speed.Plain),
    "wgan clip": (lambda: wgan_step_speed.build("clip", 4, hidden_dim=12), wgan_step_speed.Plain),
    "wgan gp": (lambda: wgan_step_speed.build("gp", 4, hidden_dim=12), wgan_step_speed.Plain),
}


@pytest.mark.parametrize("name", SIDES)
def test_steps_have_equal_losses_and_move_equally(name):
    build, plain_of = SIDES[name]
    recipe = build()
    before = [p.detach().clone() for network in recipe.networks.values() for p in network.parameters()]
    plain = plain_of(recipe)
    _, difference = compare_steps(recipe, plain, 0, 4)
    assert difference < 1e-5
    for ours, theirs in pairs(recipe, plain):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    after = [p for network in recipe.networks.values() for p in network.parameters()]
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(before) / 2


def pairs(recipe, plain):
    """Give the weights of both sides that have the same names."""
    step = plain.step
    for ours, theirs in ((recipe.model.network, step.network), (recipe.networks["critic"], step.critic)):
        theirs = dict(theirs.named_parameters())
        shared = [(p, theirs[name]) for name, p in ours.named_parameters() if name in theirs]
        assert shared
        yield from shared


def test_a_wrong_loss_shows():
    """The comparison compares: a plain side with another weight of a term is found out."""
    recipe = SIDES["vp"][0]()
    ours, plain = OurStep(recipe), vp_step_speed.Plain(recipe)
    plain.step.network.stdev = plain.step.network.stdev + 0.1
    batch = next(recipe.batches(0, Share()))
    assert abs(ours(dict(batch), 0)["loss_vae"] - plain(batch, 0)["loss_vae"]) > 1e-3


def test_samples_are_equal():
    model = vp_step_speed.build(8, 4).model.eval()
    motion, known = sampling_speed.request(model, 3, 20)
    theirs = sampling_speed.Plain(model)(motion, known, 7)
    ours = model.complete(motion, known, 1, torch.Generator().manual_seed(7))
    assert ours.shape == (1, 3, 21, 8) and ours.abs().max() <= 1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
