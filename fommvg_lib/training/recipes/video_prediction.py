"""Training video prediction.

A step, in the published order: generator on LSGAN and moment matching, in the default form also on the energy
score of two samples; then new noise from the updated generator, and the critic. Default form: windows of
changing length, each conditioned on its own first frame, which the critic sees beside a stretch of motion
(conditional realism). Legacy form: see `published_prediction.py`. Single choices of either can be exchanged
(`config/corrections.py`). In both, real motion may be that of borrowed identities (`borrowed_identity.py`);
in the legacy form x_0 stays as it is, as published.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.motion import VideoPredictionConfig
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.motion_generator.networks import MLP, SpanCritic, TemporalCritic
from fommvg_lib.motion_generator.video_prediction import VideoPrediction
from fommvg_lib.motion_losses import (
    active_steps,
    lag_moments,
    lsgan_generator,
    moment_matching,
)
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase
from fommvg_lib.training.recipes.borrowed_identity import lend_identities
from fommvg_lib.training.recipes.completion_figures import prediction_figures
from fommvg_lib.training.recipes.motion import (
    STREAM_CHECK,
    STREAM_CRITIC,
    STREAM_IDENTITY,
    STREAM_NOISE,
    seeded,
)
from fommvg_lib.training.recipes.motion_space import (
    DifferenceFeatures,
    MotionFeatures,
    critic_terms,
    fit_space,
    start_at_size,
)
from fommvg_lib.training.recipes.published_prediction import PublishedPredictionSteps

NUM_CHECK_FRAMES = 60


class VideoPredictionRecipe(PublishedPredictionSteps):
    """The recipe of `train vp`.

    Args:
        config: of the network, the losses and the schedule.
        data: a motion set.
        device: where the networks live.
        frame_generator: the weights whose motion this is; needed for `avd_share`, else only compared.

    Raises:
        InputError: if the clips are too short, the set is empty, mixed or another frame generator's, or
            `avd_share` is set and there is no AVD network for this motion.
    """

    kind = "vp"
    config: VideoPredictionConfig

    def __init__(
        self,
        config: VideoPredictionConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str = "cpu",
        frame_generator: Weights | None = None,
    ) -> None:
        super().__init__(config, data, device, frame_generator)
        self.identities = lend_identities(frame_generator, self.train, config.avd_share, self.device)
        if self.identities is not None:
            self.data += f" identities by {frame_generator.sha256[:16]}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = self._build_model()
            self._fit()
            critic = self._build_critic()
        self.add_model(self.model)
        self.add_network("critic", critic)
        self.add_adam("generator", [self.model], config.learning_rate_generator)
        self.add_adam("critic", [critic], config.learning_rate)

    def _build_model(self) -> VideoPrediction:
        config, train = self.config, self.train
        return VideoPrediction(
            train.num_dims, train.num_kp, config.form, config.noise_dim, config.hidden_dim,
            min(config.num_components, train.num_dims), config.num_layers, train.fps, train.weights_hash,
            () if self.is_legacy else config.noise_memory,
        )  # fmt: skip

    def _fit(self) -> None:
        """Set what the training set decides: scaling and components, size of the untrained motion."""
        if self.is_legacy:
            self.fit_published()
            return
        is_scaled = self.config.is_scaled
        fit_space(self.model.scaling, self.model.basis, self.train, self.longest, is_scaled=is_scaled)
        self.measure_motion()
        network = self.model.network
        with torch.no_grad():
            condition, path = self._real_path(self.train.every_window(self.longest))
            made = network(condition, torch.randn(*path.shape[:2], self.config.noise_dim))
        start_at_size(network.decode.layers[-1], made, self.features.place.to(made.device))

    def measure_motion(self) -> None:
        """Measure real motion in the model's space: moments at each lag, units of the critic's features."""
        windows = self.train.every_window(self.longest)
        if self.identities is not None:  # as the critic will see it
            drawn = self.identities.draw(windows, seeded(self.config.seed, 0, STREAM_IDENTITY))
            windows = self.identities.change(windows, **drawn)
        path = self._real_path(windows)[1]
        self._lags = tuple(lag for lag in self.config.moment_lags if lag < self.longest)
        self._stdev = lag_moments(path, self._lags)[1].sqrt().clamp_min(1e-4).to(self.device)
        self.features = MotionFeatures(path).to(self.device)
        self.view = self.features if self.config.critic_span is None else DifferenceFeatures(path)
        self.view.to(self.device)

    def _build_critic(self) -> nn.Module:
        config, num_dims, span = self.config, self.train.num_dims, self.config.critic_span
        if self.is_legacy and span is None:
            return MLP(num_dims, num_dims // 2, 1)
        num_known = num_dims if config.chosen("critic_condition") == "start" else 0
        if self.is_legacy:
            return SpanCritic(num_dims, num_known, num_dims // 2, span)
        num_components = len(self.model.basis)
        if span is None:
            return TemporalCritic(3 * num_components, num_known, config.critic_width)
        return SpanCritic(num_components, num_known, config.critic_width, span)

    def _real_path(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Give condition (B, D) and coefficients (B, T, C) of real windows."""
        scaling = self.model.scaling
        seen = scaling.represent(windows, windows[:, 0])
        return scaling.condition(seen[:, 0]), scaling.displacement(seen) @ self.model.basis.T

    def draw_batch(self, step: int, generator: torch.Generator) -> Batch:
        """Draw the windows of a step, the frames they start from, and who borrows whose identity."""
        if self.is_legacy:
            length = self.config.max_seq_len
            windows, clips = self.train.draw(self.config.batch_size, length, generator, stride=length)
        else:
            windows, clips = self.draw_windows(generator)
        batch = {"windows": windows}
        if self.config.chosen("start") == "random":
            batch["frames"] = self.train.draw_frames(clips, generator)[:, None]
        elif self.is_legacy:
            batch["frames"] = windows[:, :1]
        if self.identities is None:
            return batch
        if self.is_legacy:
            return batch | self.identities.draw_one(self.train, len(windows), generator)
        return batch | self.identities.draw(windows, generator)

    def seen_windows(self, batch: Batch) -> Tensor:
        """Give the real windows that the critic sees."""
        if self.identities is None:
            return batch["windows"]
        return self.identities.change(batch["windows"], batch["identity"], batch["borrows"])

    def phases(self, step: int) -> list[Phase]:
        """Update the generator, then the critic."""
        if self.is_legacy:
            losses = self.published_generator_losses, self.published_critic_losses
        else:
            losses = self._generator_losses, self._critic_losses
        names = ("generator", "critic")
        phases = [Phase((n,), loss, self.limit_gradient(n)) for n, loss in zip(names, losses, strict=True)]
        return phases if self.is_legacy or self.config.weight_critic else phases[:1]

    @torch.no_grad()
    def score(self, windows: Tensor) -> Tensor:
        """Give what the critic says of raw motion (N, T, D), given its first frame: 1 real, 0 generated.

        Returns:
            (N, S), in the order of time; each score sees a stretch of frames. Default form only.

        Raises:
            ValueError: in the legacy form, whose critic sees single differences.
        """
        if self.is_legacy:
            raise ValueError("score: only the default form's critic sees stretches of motion")
        condition, path = self._real_path(windows.to(self.device))
        return self.networks["critic"](self.view(path), self.known_to_critic(condition))

    def _start(self, batch: Batch, condition: Tensor) -> Tensor:
        """Give the condition (B, D) that the generator starts from: the real windows' own, or another."""
        if "frames" not in batch:
            return condition
        frames, scaling = batch["frames"], self.model.scaling
        return scaling.condition(scaling.represent(frames, frames[:, 0])[:, 0])

    def known_to_critic(self, condition: Tensor) -> Tensor:
        """Give what the critic sees of a condition (B, D): all, or nothing (B, 0)."""
        return condition if self.config.chosen("critic_condition") == "start" else condition[:, :0]

    def _scored(self, path: Tensor, step: int) -> Tensor:
        """Give what the critic sees of generated motion (B, T, C) in a step."""
        return self.view(path)[:, : self.num_scored(step)]

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        condition, real = self._real_path(self.seen_windows(batch))
        start = self._start(batch, condition)
        batch |= {"real": real, "condition": condition, "start": start}
        count = 2 if self.config.weight_score else 1
        shape = count, *real.shape[:2], self.config.noise_dim
        noise = self.randn(step, STREAM_NOISE, share, *shape, dim=1)
        fake = self.model.network(start.repeat(count, 1), noise.flatten(0, 1))
        total, terms = fake.new_zeros(()), {}
        if self.config.weight_moments:
            terms["loss_moments"] = self._moment_loss(fake)
            total = total + self.config.weight_moments * terms["loss_moments"]
        first = fake[: len(real)]
        if self.config.weight_score:
            terms["loss_score"] = self.features.score(first, fake[len(real) :], real)
            total = total + self.config.weight_score * terms["loss_score"]
        if self.config.weight_critic:
            scores = self.networks["critic"](self._scored(first, step), self.known_to_critic(start))
            terms["loss_G"] = lsgan_generator(scores)
            total = total + self.config.weight_critic * terms["loss_G"]
        return Losses.of(total, terms)

    def _critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config, real = self.config, batch["real"]
        with torch.no_grad():
            noise = self.randn(step, STREAM_CRITIC, share, *real.shape[:2], config.noise_dim)
            fake = self.model.network(batch["start"], noise)
        weight = config.weight_penalty * config.penalty_every * (step % config.penalty_every == 0)
        known, start = self.known_to_critic(batch["condition"]), self.known_to_critic(batch["start"])
        features = self.view(real), self._scored(fake, step)
        terms = critic_terms(self.networks["critic"], *features, known, weight, start)
        return Losses.of(terms.pop("total"), terms)

    def _moment_loss(self, path: Tensor) -> Tensor:
        used = [index for index, lag in enumerate(self._lags) if lag < path.shape[1] - 1]
        mean, variance = lag_moments(path, [self._lags[index] for index in used])
        form = self.config.chosen("moments")
        return moment_matching(mean, variance, self._stdev[used], form) / mean.numel()

    def num_scored(self, step: int) -> int:
        """Give how many generated steps the critic sees: enough for D_len scores, or all."""
        config = self.config
        if config.chosen("critic_steps") == "all":
            return self.longest - 1
        scores = active_steps(step // config.epoch_size, config.d_update_epoch, self.longest - 1)
        return scores + (config.critic_span or 1) - 1

    def _generate(self, windows: Tensor, num_samples: int) -> Tensor:
        """Predict held-out windows (N, T, D) from their first frames: (S, N, T, D)."""
        known = torch.zeros(windows.shape[:2], dtype=torch.bool)
        known[:, 0] = True
        generator = seeded(self.config.seed, 0, STREAM_CHECK)
        return self.for_use("model").complete(windows, known, num_samples, generator)

    def validate(self, step: int) -> dict[str, float]:
        """Compare 59 predicted frames with held-out motion.

        Fréchet distances pool frames, as held-out clips are few. They are over the real motion's own mean
        square, so 1 is what standing still scores; `floor_...` is the distance between two halves of the real
        windows. Each for keypoint places (`value`) and for all D numbers.
        """
        real = self.held_out_windows(NUM_CHECK_FRAMES)
        return prediction_figures(real, self._generate(real, 1)[0], self.train.num_kp)

    def sample_motions(self) -> dict[str, Tensor]:
        """Give a held-out window and two predictions of it."""
        real = self.picture_window(NUM_CHECK_FRAMES)
        samples = self._generate(real, 2)[:, 0]
        return {"real": real[0], "sample 1": samples[0], "sample 2": samples[1]}
