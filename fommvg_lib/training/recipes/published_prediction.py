"""Training video prediction as published: the legacy form's part of `video_prediction.py`.

Clips of 16 frames, a random frame of the same video as x_0, a critic that sees single raw differences, and of
the generated ones the first D_len. With a `critic_span` it sees that many differences at once, in units of
their size, and, if told so, x_0 in the space of `MotionScaling`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_losses import lsgan_discriminator, vp_discriminator_terms, vp_generator_terms
from fommvg_lib.pca import fit_residual_pca
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses
from fommvg_lib.training.recipes.motion import STREAM_CRITIC, STREAM_NOISE, MotionRecipe
from fommvg_lib.training.recipes.motion_space import DifferenceFeatures


class PublishedPredictionSteps(MotionRecipe):
    """The legacy form's fit and losses.

    The recipe gives `seen_windows(batch)` (B, T, D), `num_scored(step)` and `known_to_critic(condition)`.
    """

    def fit_published(self) -> None:
        """Fit the components of raw differences, and the units of a critic that sees several."""
        network, clips = self.model.network, self.train.every_window(self.config.max_seq_len)
        pca = fit_residual_pca(clips, len(network.components))
        network.components.copy_(torch.from_numpy(pca.components))
        network.stdev.copy_(torch.from_numpy(pca.stdev))
        self.space = MotionScaling(self.train.num_dims, self.train.num_kp)
        self.space.fit(clips)
        self.space.to(self.device)
        self.view = DifferenceFeatures(clips).to(self.device)

    def published_generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        """Compute LSGAN on the first differences, and moment matching."""
        config, x0 = self.config, batch["frames"][:, 0]
        terms = vp_generator_terms(
            self.model.network, lambda differences: self._scores(differences, x0), x0,
            self._noise(batch, step, share, STREAM_NOISE), self.num_scored(step),
            config.weight_moments, config.chosen("moments"),
        )  # fmt: skip
        return Losses.of(terms.pop("total"), terms)

    def published_critic_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        """Compute LSGAN's other side: all real differences against the first generated ones."""
        noise = self._noise(batch, step, share, STREAM_CRITIC)
        real, x0, num_scored = self.seen_windows(batch), batch["frames"][:, 0], self.num_scored(step)
        if self.config.critic_span is None:
            critic = self.networks["critic"]
            terms = vp_discriminator_terms(self.model.network, critic, real, x0, noise, num_scored)
            return Losses.of(terms.pop("total"), terms)
        with torch.no_grad():
            differences, _ = self.model.network.residual(x0, noise)
        on_real = self._scores(real.diff(dim=1), real[:, 0])
        on_fake = self._scores(differences[:, :num_scored], x0)
        loss_real, loss_fake = lsgan_discriminator(on_real, on_fake)
        total = 0.5 * (loss_real + loss_fake)
        return Losses.of(total, {"loss_D_real": loss_real, "loss_D_fake": loss_fake})

    def _scores(self, differences: Tensor, x0: Tensor) -> Tensor:
        """Score raw differences (B, T, D) of motion that starts at x_0 (B, D), raw."""
        critic = self.networks["critic"]
        if self.config.critic_span is None:
            return critic(differences)
        known = self.space.condition(self.space.represent(x0[:, None], x0)[:, 0])
        return critic(self.view.scale(differences), self.known_to_critic(known))

    def _noise(self, batch: Batch, step: int, share: Share, stream: int) -> Tensor:
        shape = len(batch["windows"]), self.config.max_seq_len - 1, self.config.noise_dim
        return self.randn(step, stream, share, *shape)
