"""Small things to train in tests, how a run is broken off, and what is compared between two runs."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fommvg_lib.checkpoints import save_weights
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.base import Config
from fommvg_lib.config.completers import AutoregressiveConfig, WganConfig
from fommvg_lib.config.flow import FlowConfig
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig
from fommvg_lib.training.engine import EngineConfig, TrainingResult, fit
from fommvg_lib.training.recipe import Losses, Phase, Recipe
from fommvg_lib.training.recipes.autoregressive import AutoregressiveRecipe
from fommvg_lib.training.recipes.flow import FlowRecipe
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.recipes.frame_interpolation import FrameInterpolationRecipe
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from fommvg_lib.training.recipes.wgan import WganRecipe
from tests.conftest import TINY
from tests.motion_cases import wandering_clips

SMALL_FOMM = {
    "size": 32, "model": TINY, "scales": (1.0, 0.5), "batch_size": 2, "epoch_milestones": (1000,),
}  # fmt: skip
GAN = {
    "loss_weights.generator_gan": 1.0, "loss_weights.feature_matching": (10.0, 10.0),
    "discriminator.num_blocks": 2, "discriminator.block_expansion": 4, "discriminator.max_features": 8,
    "ema_decay": 0.9,
}  # fmt: skip
SMALL_MOTION = {
    "num_epochs": 3, "epoch_size": 8, "batch_size": 8, "hidden_dim": 12, "noise_dim": 6, "num_components": 6,
    "critic_width": 8, "min_window": 8, "max_window": 16, "max_seq_len": 10, "d_update_epoch": 1,
    "constant_share": 0.5,
}  # fmt: skip
SMALL_WGAN = {
    "num_epochs": 3, "epoch_size": 8, "batch_size": 8, "hidden_dim": 8, "critic_dim": 8, "noise_dim": 8,
    "num_components": 6, "min_window": 8, "max_window": 16, "max_seq_len": 10, "constant_share": 0.5,
    "num_critic": 3, "learning_rate": 1e-3, "learning_rate_generator": 1e-3,
}  # fmt: skip
SMALL_AR = {
    "num_epochs": 3, "epoch_size": 8, "batch_size": 8, "hidden_dim": 8, "min_window": 8, "max_window": 16,
    "max_seq_len": 10, "constant_share": 0.5, "sampling_epochs": 2, "learning_rate": 1e-3,
}  # fmt: skip
OFTEN = EngineConfig(log_every=1, validate_every=6, pictures_every=6, checkpoint_every=3)


@dataclass(frozen=True)
class LineConfig(Config):
    num_steps: int = 40
    lr: float = 0.05
    seed: int = 0
    batch_size: int = 8
    has_batch_norm: bool = False
    fall_after: int | None = None
    """Step after which the rate falls towards the end of the run."""


class LineRecipe(Recipe):
    """Fits y = 3x by samples drawn from (seed, step).

    Args:
        config: of the line.
        poison: given a step and this process's place among its fellows, gives a factor on the loss.
    """

    kind = "line"
    best_figure = "error"
    config: LineConfig

    def __init__(self, config: LineConfig, poison: Callable[[int, int], float] | None = None, data="line"):
        super().__init__(config, "cpu", config.num_steps, config.batch_size, data)
        self.poison, self.net = poison, torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.net.weight)
        torch.nn.init.zeros_(self.net.bias)
        self.norm = torch.nn.BatchNorm1d(1) if config.has_batch_norm else torch.nn.Identity()
        self.add_network("net", torch.nn.Sequential(self.norm, self.net), average_decay=0.9)
        self.add_optimizer("net", list(self.networks["net"].parameters()), config.lr, (0.9, 0.999))

    def learning_rate_factor(self, step):
        begin = self.config.fall_after
        return 1.0 if begin is None or step < begin else 1 - (step - begin) / (self.num_steps - begin)

    def batches(self, start_step, share):
        for step in itertools.count(start_step):
            generator = torch.Generator().manual_seed(self.config.seed * 1000 + step)
            yield {"x": share.of(torch.randn(self.batch_size, 1, generator=generator))}

    def phases(self, step):
        return [Phase(("net",), self._losses)]

    def _losses(self, batch, step, share):
        loss = (self.networks["net"](batch["x"]) - 3 * batch["x"]).square().mean()
        if self.poison is not None:
            loss = loss * self.poison(step, share.index)
        return Losses.of(loss, {"fit": loss, "size": batch["x"].square().mean()})

    def validate(self, step):
        return {"error": abs(self.net.weight.item() - 3), "step": float(step)}

    def pictures(self, step):
        return {"dot": np.full((4, 4, 3), step, np.uint8)}

    def save(self, folder, info):
        return save_weights(folder, "line", self.config.to_dict(), self.net.state_dict(), info)


def small_fomm(num_steps=14, num_workers=0, **changes) -> FommRecipe:
    """A FOMM of 32 px; three identities, so that an epoch ends within a batch."""
    config = FommConfig.from_profile("smoke").replace(**{**SMALL_FOMM, "num_steps": num_steps, **changes})
    train, test = (SyntheticClips(split, 32, 16, 0, 3) for split in ("train", "test"))
    return FommRecipe(config, train, test, torch.device("cpu"), num_workers)


def small_vp(**changes) -> VideoPredictionRecipe:
    """A tiny VP on made-up motion; it draws nothing, which would take longer than all else."""
    config = VideoPredictionConfig().replace(**{**SMALL_MOTION, **changes})
    return without_pictures(VideoPredictionRecipe(config, wandering_clips(9), "cpu"))


def small_fi(**changes) -> FrameInterpolationRecipe:
    """A tiny FI on made-up motion; it draws nothing."""
    config = FrameInterpolationConfig().replace(**{**SMALL_MOTION, "num_candidates": 2, **changes})
    return without_pictures(FrameInterpolationRecipe(config, wandering_clips(9), "cpu"))


def small_flow(**changes) -> FlowRecipe:
    """A tiny flow on made-up motion; it draws nothing."""
    sizes = {"width": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "warm_up": 3, "num_samples": 2}
    kept = {
        "num_epochs": 3, "epoch_size": 8, "batch_size": 8, "num_patterns": 4, "max_window": 16,
        "constant_share": 0.5,
    }  # fmt: skip
    config = FlowConfig().replace(**{**sizes, **kept, **changes})
    return without_pictures(FlowRecipe(config, wandering_clips(9), "cpu"))


def small_wgan(**changes) -> WganRecipe:
    """A tiny WGAN on made-up motion; it draws nothing."""
    config = WganConfig().replace(**{**SMALL_WGAN, **changes})
    return without_pictures(WganRecipe(config, wandering_clips(9), "cpu"))


def small_ar(**changes) -> AutoregressiveRecipe:
    """A tiny AR on made-up motion; it draws nothing."""
    config = AutoregressiveConfig().replace(**{**SMALL_AR, **changes})
    return without_pictures(AutoregressiveRecipe(config, wandering_clips(9), "cpu"))


def without_pictures(recipe: Recipe) -> Recipe:
    """Spare the time of plots."""
    recipe.pictures = lambda step: {}
    return recipe


class PowerCut(Exception):
    """Breaks a run off, without a word to it."""


def quiet_fit(recipe: Recipe, folder: Path, settings: EngineConfig = OFTEN, **options: Any) -> TrainingResult:
    """Train without a bar."""
    return fit(recipe, folder, settings, show_progress=False, **options)


def fit_until(step: int, recipe: Recipe, folder: Path, settings: EngineConfig = OFTEN, **options) -> None:
    """Train, and break off in the middle of step `step`, after its row in the log."""

    def cut(folder: Path) -> None:
        if int(rows(folder / "losses.csv")[-1]["step"]) == step:
            raise PowerCut

    with pytest.raises(PowerCut):
        quiet_fit(recipe, folder, settings, on_log=cut, **options)


def rows(path: Path) -> list[dict[str, str]]:
    """Read a log, without the time that was used."""
    with path.open(newline="") as stream:
        return [
            {name: text for name, text in row.items() if name != "seconds"} for row in csv.DictReader(stream)
        ]


def contents(folder: Path) -> dict[str, Any]:
    """Give all that a run folder holds, but for the time that was used and TensorBoard's events."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {}
    for path in files:
        name = path.relative_to(folder)
        if name.parts[0] != "events":
            found[str(name)] = rows(path) if path.suffix == ".csv" else path.read_bytes()
    return found


def outcome(folder: Path) -> dict[str, Any]:
    """Give what a run ends with: the weights for use and the newest checkpoint."""
    newest = max((folder / "state").glob("[0-9]*"))
    paths = folder / "weights.safetensors", newest / "tensors.safetensors"
    return {"step": newest.name, **{path.name: path.read_bytes() for path in paths}}


def assert_close(ours: Recipe, theirs: Recipe) -> None:
    """Networks are equal within 1e-5.

    Left out: biases of a motion generator's decoder. Motion is counted from the first frame, so that most of
    them cancel out; Adam makes whole steps of the rounding that is their gradient.
    """
    for name, network in ours.networks.items():
        state = theirs.networks[name].state_dict()
        for key, value in network.state_dict().items():
            if not ("decode" in key and key.endswith("bias")):
                assert (value - state[key]).abs().max() < 1e-5, f"{name}.{key}"


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Name what differs, without printing it whole."""
    differing = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    assert not differing, f"these differ: {', '.join(differing)}"
