"""Training the autoregressive completer.

Default form: the next step at every frame of a window, in both directions, each in one call over the known
sequence. With scheduled sampling a first call gives the network's own next frames, and in a second one some
of the inputs are those instead of the real ones (so it takes two calls and no loop over time). Legacy form:
frames 0 to 14 in, frame 15 out, and the loss of that one; frames are drawn at changing speed.

Source: CSE 291G project (legacy form); Bengio et al. 2015, Scheduled Sampling; Duckworth et al. 2019,
Parallel Scheduled Sampling, with two passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fommvg_lib.checkpoints import Weights
from fommvg_lib.config.completers import AutoregressiveConfig
from fommvg_lib.files import InputError
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.motion_generator.autoregressive import Autoregressive
from fommvg_lib.motion_generator.recurrence import Recurrence
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase
from fommvg_lib.training.recipes.between import BetweenRecipe
from fommvg_lib.training.recipes.motion import STREAM_CRITIC, STREAM_NOISE, seeded

FIT_STRIDE = 4


class AutoregressiveRecipe(BetweenRecipe):
    """The recipe of `train ar`; see `MotionRecipe`.

    Raises:
        InputError: if the clips are too short for the form, the set is empty, mixed or another frame
            generator's.
    """

    kind = "ar"
    config: AutoregressiveConfig

    def __init__(
        self,
        config: AutoregressiveConfig,
        data: Sequence[MotionClip] | PackedMotion,
        device: torch.device | str = "cpu",
        frame_generator: Weights | None = None,
    ) -> None:
        super().__init__(config, data, device, frame_generator)
        if self.is_legacy:
            self.check_lengths = (config.max_seq_len,)
            if min(self.train.longest(), self.held_out.longest()) < config.max_seq_len:
                raise InputError(f"no clips of {config.max_seq_len} frames (max_seq_len) to learn from")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Autoregressive(
                self.train.num_dims, self.train.num_kp, config.form, config.hidden_dim, config.max_seq_len,
                config.fade, self.train.fps, self.train.weights_hash,
            )  # fmt: skip
        stride = FIT_STRIDE if self.is_legacy else self.longest
        self.model.scaling.fit(self.train.every_window(self.longest, stride))
        self.add_model(self.model)
        self.add_adam("model", [self.model], config.learning_rate)

    def measure_motion(self) -> None:
        """Nothing here is measured but the scaling, which comes with the weights."""

    def draw_batch(self, step: int, generator: torch.Generator) -> Batch:
        """Draw the windows of a step; in the legacy form at changing speed, from a part of a clip."""
        if not self.is_legacy:
            return super().draw_batch(step, generator)
        config, train = self.config, self.train
        clip = torch.randint(len(train), (config.batch_size,), generator=generator)
        part = torch.randint(config.num_parts, (config.batch_size,), generator=generator)
        begin, end = (train.lengths[clip] * (part + i) // config.num_parts for i in (0, 1))
        place = torch.rand(config.batch_size, config.max_seq_len, generator=generator, dtype=torch.float64)
        offset = begin[:, None] + (place * (end - begin)[:, None]).long().sort(dim=1).values
        return {"windows": train.vectors[train.starts[clip][:, None] + offset]}

    def phases(self, step: int) -> list[Phase]:
        """Update the networks of both directions."""
        return [Phase(("model",), self._legacy_losses if self.is_legacy else self._losses)]

    def sampling_share(self, step: int) -> float:
        """Give the share of inputs that are the network's own in a step."""
        config = self.config
        return config.sampling_share * min(1.0, step / (config.sampling_epochs * config.epoch_size))

    def _losses(self, batch: Batch, step: int, share: Share) -> Losses:
        scaling, windows = self.model.scaling, batch["windows"]
        seen = scaling.represent(windows, windows[:, 0])
        condition, path = scaling.condition(seen[:, 0]), scaling.displacement(seen)
        masks = [self._mask(path, step, stream, share) for stream in (STREAM_NOISE, STREAM_CRITIC)]
        terms = {
            "loss_ahead": next_step_loss(self.model.ahead, path, condition, masks[0]),
            "loss_back": next_step_loss(self.model.back, path.flip(1), condition, masks[1]),
        }
        return Losses.of(terms["loss_ahead"] + terms["loss_back"], terms)

    def _mask(self, path: Tensor, step: int, stream: int, share: Share) -> Tensor:
        """Choose the inputs (B, T - 1) that are the network's own; never the first, which is known."""
        shape = len(path) * share.count, path.shape[1] - 1
        drawn = torch.rand(shape, generator=seeded(self.config.seed, step, stream))
        drawn[:, 0] = 1.0
        return share.of(drawn < self.sampling_share(step)).to(self.device)

    def _legacy_losses(self, batch: Batch, step: int, share: Share) -> Losses:
        scaled = self.model.scaling.scale(batch["windows"])
        following, _ = self.model.network(scaled[:, :-1])
        loss = (following[:, -1] - scaled[:, -1]).square().mean()
        return Losses.of(loss, {"loss_last": loss})


def next_step_loss(network: Recurrence, path: Tensor, condition: Tensor, is_own: Tensor) -> Tensor:
    """Mean square error of the next displacement at all steps.

    Args:
        network: of one direction.
        path: (B, T, D), in units of spread, in that direction's order.
        condition: frame 0, (B, D).
        is_own: (B, T - 1) bool, inputs that are replaced by what the network makes of the real ones.
    """
    given, wanted = path[:, :-1], path[:, 1:]
    if is_own.any():
        with torch.no_grad():
            own, _ = network(given, condition)
        shifted = torch.cat([given[:, :1], own[:, :-1]], dim=1)
        given = torch.where(is_own[..., None], shifted, given)
    return (network(given, condition)[0] - wanted).square().mean()
