"""The autoregressive completer (AR): each frame from those before it, from both ends towards each other.

Two forms. `legacy` is the published one: one network makes both rollouts, which are joined where they are
closest. `default` is corrected: a GRU for each direction gives the next step in the space of `MotionScaling`,
and the rollouts are cross-faded. Nothing is random: all samples are equal.

Published defects, corrected here: the tail of the backward rollout was taken as its last i frames instead of
frames i, ..., T - 1, which is right for i = T / 2 alone (i = 7 of 16 left two frames zero); the scaling was
fitted on the test set too. Kept in the legacy form: the loss of the last frame alone. The published exchange
of both GRU directions' weights and of both halves of the state in the backward rollout cancels out, so there
it is the forward network that walks back.

Source: CSE 291G project "Video Completion" (2020).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.motion_generator.min_max import FrameRange
from fommvg_lib.motion_generator.patterns import check_request, is_interpolation, keep_known, known_sides
from fommvg_lib.motion_generator.recurrence import (
    PublishedRecurrence,
    Recurrence,
    fade_rollouts,
    join_rollouts,
    rollout,
)
from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_generator.stored import StoredGenerator
from fommvg_lib.motion_generator.video_prediction import FORMS


class Autoregressive(StoredGenerator):
    """A motion generator that knows both ends; the default form also continues a known past.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
        form: "default" or "legacy".
        hidden_dim: width of each of the two GRUs.
        num_frames: T of the legacy form, which completes no other length.
        fade: whether the rollouts are cross-faded (default form).
        fps: frame rate of what it learned.
        frame_generator_hash: of the frame generator whose motion it learned.

    Attributes:
        share_touched: after `complete`, the share of generated keypoints that were brought back into range
            (default form; the legacy form stays raw).
    """

    kind = "ar"

    def __init__(
        self,
        num_dims: int,
        num_kp: int,
        form: str = "default",
        hidden_dim: int = 256,
        num_frames: int = 16,
        fade: bool = True,
        fps: float | None = None,
        frame_generator_hash: str | None = None,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"form {form!r} is neither default nor legacy")
        self.num_dims, self.num_kp, self.form = num_dims, num_kp, form
        self.fps, self.frame_generator_hash = fps, frame_generator_hash
        self.share_touched = 0.0
        self.sizes = {
            "num_dims": num_dims, "num_kp": num_kp, "form": form, "hidden_dim": hidden_dim,
            "num_frames": num_frames, "fade": fade,
        }  # fmt: skip
        if form == "legacy":
            self.network = PublishedRecurrence(num_dims, hidden_dim)
            self.scaling = FrameRange(num_frames, num_dims, num_kp)
            return
        self.ahead, self.back = Recurrence(num_dims, hidden_dim), Recurrence(num_dims, hidden_dim)
        self.scaling = MotionScaling(num_dims, num_kp)

    def supports(self, known: Tensor) -> bool:
        """Say whether (B, T) can be completed.

        Default: every row knows the same first frames, one or more, and the same last frames or none. Legacy:
        both ends alone, of as many frames as it learned.
        """
        if self.form == "legacy":
            return is_interpolation(known) and known.shape[1] == self.sizes["num_frames"]
        return known_sides(known) is not None

    @torch.no_grad()
    def complete(
        self, motion: Tensor, known: Tensor, num_samples: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """Complete; see `MotionGenerator.complete`. Nothing is random here."""
        pattern = "the first frames and the last frames or none are known"
        if self.form == "legacy":
            pattern = f"the first and the last of {self.sizes['num_frames']} frames alone are known"
        check_request("ar", pattern, self.supports(known), motion, known, self.num_dims)
        given = motion.to(next(self.parameters()))
        filled = self._published(given) if self.form == "legacy" else self._corrected(given, known)
        return keep_known(filled.to(motion).repeat(num_samples, 1, 1, 1), motion, known)

    def _published(self, motion: Tensor) -> Tensor:
        scaled = self.scaling.scale(motion)
        first, last, num_new = scaled[:, :1], scaled[:, -1:], motion.shape[1] - 1
        ahead = torch.cat([first, rollout(self.network, first, num_new)], dim=1)
        back = torch.cat([last, rollout(self.network, last, num_new)], dim=1).flip(1)
        return self.scaling.restore(join_rollouts(ahead, back))

    def _corrected(self, motion: Tensor, known: Tensor) -> Tensor:
        num_first, num_last = known_sides(known)
        gap = known.shape[1] - num_first - num_last
        origin, scaling = motion[:, 0], self.scaling
        seen = scaling.represent(torch.cat([motion[:, :num_first], motion[:, num_first + gap :]], 1), origin)
        condition, path = scaling.condition(seen[:, 0]), scaling.displacement(seen)
        past, future = path[:, :num_first], path[:, num_first:]
        between = rollout(lambda x, state: self.ahead(x, condition, state), past, gap)
        if num_last:
            back = rollout(lambda x, state: self.back(x, condition, state), future.flip(1), gap).flip(1)
            between = (fade_rollouts if self.sizes["fade"] else join_rollouts)(between, back)
        made, touched = scaling.restore(scaling.displaced(seen[:, 0], between), origin)
        self.share_touched = touched.float().mean().item()
        return torch.cat([motion[:, :num_first], made, motion[:, num_first + gap :]], dim=1)
