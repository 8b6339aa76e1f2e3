"""Training FRGAN (Zhao et al., ECCV 2018): forecasting as published, then refining with it frozen.

A step moves the critic (WGAN-GP), then the generator; in refining, forecasts are made by the frozen stage.
Figures compare both with the start frame repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.checkpoints import Weights
from fommvg_lib.clips import PairLoader, fingerprint
from fommvg_lib.config.frgan import FrganConfig
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.frgan.forecast import ForecastCritic
from fommvg_lib.pixel_baseline.frgan.items import ForecastPairs, RefineWindows, StructuredClips
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from fommvg_lib.pixel_baseline.frgan.objective import (
    critic_losses,
    flicker,
    forecast_losses,
    refine_losses,
)
from fommvg_lib.pixel_baseline.frgan.refine import VideoCritic
from fommvg_lib.share import WHOLE, Share
from fommvg_lib.training.recipe import Batch, Losses, Phase, Recipe
from fommvg_lib.training.recipes.motion import seeded
from fommvg_lib.visualize import strip

BETAS = (0.0, 0.9)
STREAM_MIX = 7
NUM_CHECK_CLIPS = 12


class FrganRecipe(Recipe):
    """Base of both stages.

    Args:
        config: all that decides the outcome.
        model: the networks; of a refining run with the trained first stage.
        train: clips that are learned from, with their structure.
        test: clips of other identities.
        device: where the networks live.
        num_workers: processes that prepare batches.
    """

    kind = "frgan"
    best_figure = "l1"

    def __init__(
        self,
        config: FrganConfig,
        model: Frgan,
        train: StructuredClips,
        test: StructuredClips,
        device: torch.device,
        num_workers: int = 0,
    ) -> None:
        self.items = self._build_items(config, train)
        num_steps = config.num_steps or config.num_epochs * max(1, len(self.items) // config.batch_size)
        super().__init__(config, device, num_steps, config.batch_size, fingerprint(train.clips))
        self.precision, self.num_workers, self.model = config.precision, num_workers, model.to(device)
        self.held_out = _held_out(test, config.clip_frames)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._build_networks()

    def _build_items(self, config: FrganConfig, train: StructuredClips) -> Any:
        raise NotImplementedError

    def _build_networks(self) -> None:
        raise NotImplementedError

    def _add(self, generator: torch.nn.Module, critic: torch.nn.Module) -> None:
        """Put the stage's networks and their optimisers in place; no critic if it has no weight."""
        self.add_network("generator", generator, self.config.ema_decay)
        self.add_optimizer("generator", list(generator.parameters()), self.config.lr, BETAS)
        if self.config.loss_weights.adversarial:
            self.add_network("critic", critic)
            self.add_optimizer("critic", list(critic.parameters()), self.config.lr, BETAS)

    def batches(self, start_step: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield batches from `start_step` on, the same ones for a step on every run."""
        pin_memory = self.device.type == "cuda"
        return iter(
            PairLoader(self.items, self.config.batch_size, start_step, self.num_workers, pin_memory, share)
        )

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor of a step: 1, then falling linearly towards 0."""
        begin = self.config.constant_share * self.num_steps
        return min(1.0, (self.num_steps - step) / max(1.0, self.num_steps - begin))

    def phases(self, step: int) -> list[Phase]:
        """Move the critic, then the generator."""
        generator = Phase(("generator",), self._generator_losses)
        if "critic" not in self.networks:
            return [generator]
        return [Phase(("critic",), self._critic_losses), generator]

    def _mix(self, step: int, share: Share, count: int) -> Tensor:
        """Draw a share (count,) of the step's places between real and made."""
        generator = seeded(self.config.seed, step, STREAM_MIX)
        return share.of(torch.rand(count * share.count, generator=generator)).to(self.device)

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        raise NotImplementedError

    def _critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        raise NotImplementedError

    def model_for_use(self) -> Frgan:
        """Give the model with the running means in it, in evaluation mode."""
        raise NotImplementedError

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Make held-out clips from their first frame and their structure; see `video_errors`."""
        model = self.model_for_use()
        return video_errors([(model.render(c[0], m[0], m), c) for c, m in self.held_out])

    @torch.no_grad()
    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Show held-out clips: structure, real and made."""
        model, rows, labels = self.model_for_use(), [], []
        for clip, maps in self.held_out[:3]:
            rows += [structure_picture(maps), clip, model.render(clip[0], maps[0], maps)]
            labels += ["structure", "real", self.config.stage]
        return {"clips": strip(rows, num=8, labels=labels, factor=max(1, 64 // self.config.size))}

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the model for use; critics stay in `state/`."""
        model = self.model_for_use()
        return model.save(folder, {"training": self.config.to_dict(), **info})

    def start_from(self, weights: Weights) -> None:
        """Begin with trained weights: the first stage's; in refining the second's too if they hold it.

        Raises:
            InputError: if they are of another kind, or other sizes.
        """
        other = Frgan.from_weights(weights)
        for name, value in self.model.sizes.items():
            if name != "refine" and other.sizes[name] != value:
                raise InputError(
                    f"{weights.folder}: was trained with {name} = {other.sizes[name]!r}, here it is {value!r}"
                )
        if other.frame_generator_hash != self.model.frame_generator_hash:
            raise InputError(f"{weights.folder}: learned the keypoints of other frame generator weights")
        self.model.generator.load_state_dict(other.generator.state_dict())
        if self.model.refiner is not None and other.refiner is not None:
            if other.sizes["refine"] != self.model.sizes["refine"]:
                raise InputError(f"{weights.folder}: its refining network has other sizes")
            self.model.refiner.load_state_dict(other.refiner.state_dict())
        for name, mean in self.averages.items():
            mean.load_state_dict(self.networks[name].state_dict())


class ForecastRecipe(FrganRecipe):
    """The recipe of `train frgan stage=forecast`. A batch is that of `ForecastPairs`."""

    def _build_items(self, config: FrganConfig, train: StructuredClips) -> ForecastPairs:
        return ForecastPairs(train, config.seed)

    def _build_networks(self) -> None:
        model, config = self.model, self.config
        channels = config.num_channels + model.structure_channels
        self._add(model.generator, ForecastCritic(config.forecast, channels, config.size))

    def _made(self, batch: Batch) -> Any:
        """Forecast once a step: the critic moves on what the generator then learns from."""
        if "made" not in batch:
            inputs = (batch[name] for name in ("source", "source_map", "driving_map"))
            batch["made"] = self.networks["generator"](*inputs)
        return batch["made"]

    def _critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        made, condition = self._made(batch).image.detach(), batch["driving_map"]
        real = torch.cat([batch["driving"], condition], dim=1)
        fake = torch.cat([made, condition], dim=1)
        mix = self._mix(step, share, len(real))
        terms = critic_losses(self.networks["critic"], real, fake, mix, self.config.loss_weights)
        return _as_losses(terms)

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        critic, weights = self.networks.get("critic"), self.config.loss_weights
        made = self._made(batch)
        return _as_losses(forecast_losses(critic, made, batch["driving"], batch["driving_map"], weights))

    def model_for_use(self) -> Frgan:
        """Give the model with the running means in it, in evaluation mode."""
        return _with(self.model, self.for_use("generator"), None)


class RefineRecipe(FrganRecipe):
    """The recipe of `train frgan stage=refine`. A batch is that of `RefineWindows`."""

    def _build_items(self, config: FrganConfig, train: StructuredClips) -> RefineWindows:
        return RefineWindows(train, config.clip_frames, config.seed)

    def _build_networks(self) -> None:
        model, refine = self.model, self.config.refine
        model.generator.requires_grad_(False).eval()
        channels = self.config.num_channels + model.num_conditions(refine)
        self._add(model.refiner, VideoCritic(refine, channels))

    @torch.no_grad()
    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor]:
        """Give forecast (B, C, T, S, S), condition and real clip, made once a step."""
        if "seen" not in batch:
            model, maps = self.model.eval(), batch["maps"]
            clips = [
                model.forecast(*row) for row in zip(batch["source"], batch["source_map"], maps, strict=True)
            ]
            forecast = torch.stack(clips).transpose(1, 2)  # (B, C, T, S, S)
            pinned = batch["is_start"].view(-1, 1, 1, 1)
            forecast[:, :, 0] = torch.where(pinned, batch["source"], forecast[:, :, 0])
            model.refiner.train()
            condition = model.condition(batch["source"], maps)
            batch["seen"] = forecast, condition, batch["clip"].transpose(1, 2)
        return batch["seen"]

    def _refined(self, batch: Batch) -> Any:
        if "refined" not in batch:
            forecast, condition, _ = self._seen(batch)
            batch["refined"] = self.networks["generator"](forecast, condition)
        return batch["refined"]

    def _critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        _, condition, real = self._seen(batch)
        fake = self._refined(batch).clip.detach()
        if condition is not None:
            real, fake = (torch.cat([clip, condition], dim=1) for clip in (real, fake))
        mix = self._mix(step, share, len(real))
        return _as_losses(critic_losses(self.networks["critic"], real, fake, mix, self.config.loss_weights))

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        _, condition, real = self._seen(batch)
        made, critic, weights = self._refined(batch), self.networks.get("critic"), self.config.loss_weights
        return _as_losses(refine_losses(critic, made.clip, made.mask, real, condition, weights))

    def validate(self, step: int) -> dict[str, float]:
        """Give the figures of the refined clips, and `l1_forecast`, `flicker_forecast` of the first stage."""
        figures = super().validate(step)
        first = _with(self.model, self.model.generator, None)
        errors = video_errors([(first.render(c[0], m[0], m), c) for c, m in self.held_out])
        return figures | {f"{name}_forecast": errors[name] for name in ("l1", "flicker")}

    def model_for_use(self) -> Frgan:
        """Give the model with the running means in it, in evaluation mode."""
        return _with(self.model, self.model.generator, self.for_use("generator"))


def video_errors(pairs: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Compare made clips (T, C, S, S) in [0, 1] with real ones; frame 0 is given and not counted in `l1`.

    Returns:
        `l1`; `l1_repeat_first`, of the first frame repeated; their `ratio`; `flicker`, the mean error of the
        change from frame to frame, and `flicker_repeat_first`.
    """
    figures: dict[str, list[float]] = {}
    for made, real in pairs:
        still = real[:1].expand_as(real)
        for name, clip in (("", made), ("_repeat_first", still)):
            figures.setdefault(f"l1{name}", []).append((clip - real)[1:].abs().mean().item())
            change = flicker(clip.transpose(0, 1), real.transpose(0, 1)).item()
            figures.setdefault(f"flicker{name}", []).append(change)
    means = {name: float(np.mean(values)) for name, values in figures.items()}
    return means | {"ratio": means["l1"] / max(means["l1_repeat_first"], 1e-8)}


def structure_picture(maps: Tensor) -> Tensor:
    """Show maps (T, N, S, S) in [-1, 1] as frames (T, 3, S, S) in [0, 1]."""
    if maps.shape[1] == 3:
        return 0.5 * maps + 0.5
    return maps.amax(dim=1, keepdim=True).clamp(0, 1).expand(-1, 3, -1, -1)


def _held_out(test: StructuredClips, num_frames: int) -> list[tuple[Tensor, Tensor]]:
    """Take the first frames of evenly spread held-out clips, in [0, 1], with their maps."""
    chosen = (
        np.linspace(0, len(test.lengths) - 1, min(NUM_CHECK_CLIPS, len(test.lengths))).round().astype(int)
    )
    clips = []
    for index in chosen:
        moments = np.arange(min(num_frames, test.lengths[index]))
        if len(moments) > 1:
            clips.append((0.5 * test.frames(index, moments) + 0.5, test.maps.maps(index, moments)))
    if not clips:
        raise InputError("no held-out clip has two frames")
    return clips


def _with(model: Frgan, generator: torch.nn.Module, refiner: torch.nn.Module | None) -> Frgan:
    """Give a model of the same sizes around these networks, in evaluation mode."""
    sizes = model.sizes | {"refine": None if refiner is None else model.sizes["refine"]}
    with torch.device("meta"):  # its own weights are never used
        other = Frgan(**sizes, frame_generator_hash=model.frame_generator_hash, fps=model.fps)
    other.generator, other.refiner = generator, refiner
    return other.eval()


def _as_losses(terms: dict[str, Tensor]) -> Losses:
    return Losses.of(terms["total"], {name: term for name, term in terms.items() if name != "total"})
