"""Training frame interpolation.

A step: generator and noise recovery, then the critic on the same generated motion, as published. Default
form: windows of changing length, conditioned on their own two ends; the loss adds moment matching and the
distance of the best of several samples. Legacy form: two random frames of the video as ends, unrelated to the
real window. Single choices of either can be exchanged (`config/corrections.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.motion import FrameInterpolationConfig
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.motion_generator.frame_interpolation import (
    FrameInterpolation,
    interpolation_condition,
    noise_recoverer,
)
from fommvg_lib.motion_generator.networks import MLP, TemporalCritic
from fommvg_lib.motion_losses import (
    active_steps,
    best_of,
    fi_discriminator_terms,
    fi_generator_terms,
    lag_moments,
    lsgan_generator,
    moment_matching,
    noise_recovery,
)
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase
from fommvg_lib.training.recipes.between import BetweenRecipe, straight_path
from fommvg_lib.training.recipes.motion import (
    STREAM_NOISE,
)
from fommvg_lib.training.recipes.motion_space import (
    MotionFeatures,
    critic_terms,
    fit_space,
    start_at_size,
)


class FrameInterpolationRecipe(BetweenRecipe):
    """The recipe of `train fi`."""

    kind = "fi"
    config: FrameInterpolationConfig

    def __init__(
        self,
        config: FrameInterpolationConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str = "cpu",
        frame_generator: Weights | None = None,
    ) -> None:
        super().__init__(config, data, device, frame_generator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = self._build_model()
            self._fit()
            critic, recover = self._build_critic()
        self.add_model(self.model)
        self.add_network("recover", recover)
        self.add_network("critic", critic)
        self.add_adam("generator", [self.model, recover], config.learning_rate_generator)
        self.add_adam("critic", [critic], config.learning_rate)

    def _build_model(self) -> FrameInterpolation:
        config, train = self.config, self.train
        return FrameInterpolation(
            train.num_dims, train.num_kp, config.form, config.noise_dim, config.hidden_dim,
            min(config.num_components, train.num_dims), train.fps, train.weights_hash,
            () if self.is_legacy else config.noise_memory,
        )  # fmt: skip

    def _fit(self) -> None:
        """Set what the training set decides: scaling and components, size of the untrained motion."""
        if self.is_legacy:
            return
        fit_space(
            self.model.scaling, self.model.basis, self.train, self.longest, departures=True,
            is_scaled=self.config.is_scaled,
        )  # fmt: skip
        self.measure_motion()
        network = self.model.network
        with torch.no_grad():
            ends, path = self._real_path(self.train.every_window(self.longest))
            condition = interpolation_condition(self.model.scaling, ends)
            made = network(condition, torch.randn(*path.shape[:2], self.config.noise_dim))
        size = (path - straight_path(path)).square().mean(dim=(0, 1)).sqrt()
        start_at_size(network.decode.layers[-1], made, size)

    def measure_motion(self) -> None:
        """Measure real motion in the model's space: units of the critic's features."""
        path = self._real_path(self.train.every_window(self.longest))[1]
        self.features = MotionFeatures(path).to(self.device)

    def _build_critic(self) -> tuple[nn.Module, nn.Module]:
        num_dims, config = self.train.num_dims, self.config
        if self.is_legacy:
            return MLP(4 * num_dims, 100, 1), noise_recoverer(num_dims, config.noise_dim)
        num_components = len(self.model.basis)
        num_known = 2 * num_dims if config.chosen("critic_condition") == "start" else 0
        critic = TemporalCritic(4 * num_components + 1, num_known, config.critic_width)
        return critic, MLP(3 * num_components, config.noise_dim, config.noise_dim)

    def _real_path(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Give both ends (B, 2, D), represented, and coefficients (B, T, C) of real windows."""
        seen = self.model.scaling.represent(windows, windows[:, 0])
        return seen[:, [0, -1]], self.model.scaling.displacement(seen) @ self.model.basis.T

    def draw_batch(self, step: int, generator: torch.Generator) -> Batch:
        """Draw the windows of a step, and the frames they lie between where these are not their own ends."""
        if self.is_legacy:
            windows, clips = self.train.draw(self.config.batch_size, self.config.max_seq_len, generator)
        else:
            windows, clips = self.draw_windows(generator)
        batch = {"windows": windows}
        if self.config.chosen("start") == "random":
            frames = [self.train.draw_frames(clips, generator) for _ in range(2)]
            batch["frames"] = torch.stack(frames, dim=1)
        elif self.is_legacy:
            batch["frames"] = windows[:, [0, -1]]
        return batch

    def phases(self, step: int) -> list[Phase]:
        """Update generator and noise recovery, then the critic on the same generated motion."""
        if self.is_legacy:
            losses = self._legacy_generator_losses, self._legacy_critic_losses
        else:
            losses = self._generator_losses, self._critic_losses
        names = ("generator", "critic")
        phases = [Phase((n,), loss, self.limit_gradient(n)) for n, loss in zip(names, losses, strict=True)]
        return phases if self.is_legacy or self.config.weight_critic else phases[:1]

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config, critic = self.config, self.networks["critic"]
        ends, real = self._real_path(batch["windows"])
        condition = interpolation_condition(self.model.scaling, ends)
        start, straight = self._start(batch, condition, real)
        count, (batch_size, num_frames) = config.num_candidates, real.shape[:2]
        shape = count, batch_size, num_frames, config.noise_dim
        noise = self.randn(step, STREAM_NOISE, share, *shape, dim=1)
        departure = self.model.network(start.repeat(count, 1), noise.flatten(0, 1))
        candidates = departure.unflatten(0, (count, batch_size)) + straight  # (S, B, T, C)
        fake, driven = candidates[0], noise[0]
        batch |= {"condition": condition, "start": start, "real": real, "fake": fake.detach()}
        terms = {"loss_moments": self._moment_loss(candidates.flatten(0, 1), real)}
        weights = [config.weight_moments]
        if config.weight_recovery:
            found = self.networks["recover"](self.features(fake))
            terms["loss_recovery"] = noise_recovery(found, driven[:, 1:-1])
            weights.append(config.weight_recovery)
        if config.weight_best:
            terms["loss_best"] = best_of(candidates / self.features.place, real / self.features.place)
            weights.append(config.weight_best)
        if config.weight_score:
            terms["loss_score"] = self.features.score(candidates[0], candidates[1], real)
            weights.append(config.weight_score)
        if config.weight_critic:
            terms["loss_G"] = lsgan_generator(critic(*self._scored(fake, start, step)))
            weights.append(config.weight_critic)
        return Losses.of(sum(w * term for w, term in zip(weights, terms.values(), strict=True)), terms)

    def _critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config = self.config
        weight = config.weight_penalty * config.penalty_every * (step % config.penalty_every == 0)
        real, known = self._critic_features(batch["real"]), self._known(batch["condition"])
        fake, start = self._scored(batch["fake"], batch["start"], step)
        terms = critic_terms(self.networks["critic"], real, fake, known, weight, start)
        return Losses.of(terms.pop("total"), terms)

    def _start(self, batch: Batch, condition: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Give the condition (B, 2D) that is generated from, and the straight path (B, T, C) of its ends."""
        if "frames" not in batch:
            return condition, straight_path(real)
        ends, path = self._real_path(batch["frames"])  # (B, 2, D), (B, 2, C)
        return interpolation_condition(self.model.scaling, ends), straight_path(path, real.shape[1])

    def _known(self, condition: Tensor) -> Tensor:
        """Give what the critic sees of a condition (B, 2D): all, or nothing (B, 0)."""
        return condition if self.config.chosen("critic_condition") == "start" else condition[:, :0]

    def _scored(self, path: Tensor, start: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Give features of generated motion that the critic sees in a step, and what it knows of each.

        All of it, or D_len steps from either end, as two stretches.
        """
        features, known, count = self._critic_features(path), self._known(start), self._num_scored(step)
        if 2 * count >= features.shape[1]:
            return features, known
        return torch.cat([features[:, :count], features[:, -count:]]), known.repeat(2, 1)

    def _critic_features(self, path: Tensor) -> Tensor:
        """Give features (B, T - 2, 4C + 1): place, velocity, acceleration, departure, time."""
        departure = (path - straight_path(path))[:, 1:-1] / self.features.place
        time = torch.linspace(-1, 1, path.shape[1], device=path.device)[1:-1, None].expand(len(path), -1, 1)
        return torch.cat([self.features(path), departure, time], dim=-1)

    def _moment_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        lags = [lag for lag in self.config.moment_lags if lag < real.shape[1] - 1]
        mean, variance = lag_moments(fake, lags)
        wanted_mean, wanted = lag_moments(real, lags)
        stdev, form = wanted.sqrt().clamp_min(1e-4), self.config.chosen("moments")
        return moment_matching(mean - wanted_mean, variance, stdev, form) / mean.numel()

    def _legacy_generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config, windows = self.config, batch["windows"]
        shape = len(windows), config.max_seq_len - 2, config.noise_dim
        terms, fake = fi_generator_terms(
            self.model.network, self.networks["critic"], self.networks["recover"], windows,
            *batch["frames"].unbind(dim=1), self.randn(step, STREAM_NOISE, share, *shape),
            self._num_scored(step), config.weight_lm, config.weight_recons,
        )  # fmt: skip
        batch["fake"] = fake.detach()
        return Losses.of(terms.pop("total"), terms)

    def _legacy_critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        critic, num_scored = self.networks["critic"], self._num_scored(step)
        terms = fi_discriminator_terms(critic, batch["windows"], batch["fake"], num_scored)
        return Losses.of(terms.pop("total"), terms)

    def _num_scored(self, step: int) -> int:
        """Give D_len: how many steps from either end the critic sees of generated motion."""
        config, half = self.config, self.longest // 2
        if config.chosen("critic_steps") == "all":
            return half
        return active_steps(step // config.epoch_size, config.d_update_epoch, half)

    def sample_motions(self) -> dict[str, Tensor]:
        """Give a held-out window and two interpolations of it."""
        real = self.picture_window(self.check_lengths[-1])
        samples = self._complete(real, 2)[0][:, 0]
        return {"real": real[0], "sample 1": samples[0], "sample 2": samples[1]}
