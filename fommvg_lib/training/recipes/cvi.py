"""Training CVI: the networks that are kept, then both discriminators on the same clips.

A step: encoder, latent generator and video generator together (one Adam optimiser); then, only if the
adversarial terms weigh, the discriminators on the detached clips. Inner frames alone enter the losses of
pixels and the frame discriminator; the video discriminator sees them between the true ends. The public
re-implementation stops one side while the discriminators' losses leave [.3, .7]; here both always move.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.checkpoints import Weights
from fommvg_lib.clips import ClipSet
from fommvg_lib.config.cvi import CviConfig
from fommvg_lib.pixel_baseline.cvi import Cvi
from fommvg_lib.pixel_baseline.cvi_discriminators import FrameDiscriminator, VideoDiscriminator
from fommvg_lib.pixel_baseline.cvi_losses import fooling, gradient_difference, reconstruction, telling_apart
from fommvg_lib.pixel_baseline.cvi_networks import in_fast_layout
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase, load_same_model
from fommvg_lib.training.recipes.clips import ClipRecipe

BETAS = (0.5, 0.999)


class CviRecipe(ClipRecipe):
    """The recipe of `train cvi`; see `ClipRecipe`."""

    kind = "cvi"
    config: CviConfig

    def __init__(
        self, config: CviConfig, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        super().__init__(config, train, test, device, num_workers)
        self.precision = config.precision
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = in_fast_layout(Cvi(config.model, config.size, self.fps))
            judges = {"video": VideoDiscriminator(config), "frame": FrameDiscriminator(config)}
        self.add_network("model", self.model, config.ema_decay)
        self.add_optimizer("generator", list(self.model.parameters()), config.lr_generator, BETAS)
        self.judges = torch.nn.ModuleDict(judges) if config.beta else None
        if self.judges is not None:
            self.add_network("discriminators", in_fast_layout(self.judges))
            self.add_optimizer(
                "discriminators", list(self.judges.parameters()), config.lr_discriminator, BETAS
            )

    def compiled_modules(self) -> list[torch.nn.Module]:
        """Give the modules that a step calls: the model and each discriminator."""
        return [self.model, *(self.judges.values() if self.judges is not None else ())]

    def start_from(self, weights: Weights) -> None:
        """Begin with a trained CVI of the same sizes; discriminators, which are not kept, begin anew."""
        load_same_model(self.model, weights, self.kind, self.config.model.to_dict())
        if self.averages:
            self.averages["model"].load_state_dict(self.model.state_dict())

    def completer(self) -> Cvi:
        """Give the model for use, in evaluation mode."""
        return self.for_use("model").eval()

    def phases(self, step: int) -> list[Phase]:
        """Update the model, then, if they weigh, both discriminators on the same clips."""
        first = Phase(("generator",), self._generator_losses)
        return [first] if self.judges is None else [first, Phase(("discriminators",), self._judge_losses)]

    def _generator_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        config, real = self.config, (batch["clip"] * 2 - 1).movedim(1, 2)  # (B, C, T, H, W)
        noise = self.noise(step, share, len(real), config.model.noise_dim)
        made = self.model(real[:, :, 0], real[:, :, -1], noise)
        made = torch.cat([real[:, :, :1], made[:, :, 1:-1], real[:, :, -1:]], dim=2)
        terms, total = {}, 0.0
        if config.objective == "hybrid":
            ours, theirs = made[:, :, 1:-1], real[:, :, 1:-1]
            terms["loss_pixel"] = reconstruction(ours, theirs, config.reconstruction)
            terms["loss_gradient"] = gradient_difference(ours, theirs)
            total = config.weight_reconstruction * (terms["loss_pixel"] + terms["loss_gradient"])
        if self.judges is not None:
            terms["loss_G_video"] = fooling(self.judges["video"](made))
            terms["loss_G_frame"] = fooling(self.judges["frame"](inner_frames(made)))
            total = total + config.beta * (terms["loss_G_video"] + terms["loss_G_frame"])
        batch["real"], batch["made"] = real, made.detach()
        return Losses.of(total, terms)

    def _judge_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        both = torch.cat([batch["real"], batch["made"]])
        terms = {}
        for name, seen in (("video", both), ("frame", inner_frames(both))):
            terms[f"loss_D_{name}"] = telling_apart(*self.judges[name](seen).chunk(2))
        return Losses.of(sum(terms.values()), terms)


def inner_frames(video: Tensor) -> Tensor:
    """Give the frames between the ends of (B, C, T, H, W) as pictures (B (T - 2), C, H, W)."""
    return video[:, :, 1:-1].transpose(1, 2).flatten(0, 1)
