"""What the recipes of frame generators share: pairs of frames, rates by epoch, held-out reconstruction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.clips import ClipSet, FramePairs, PairLoader, fingerprint
from fommvg_lib.generate import to_images, to_tensor
from fommvg_lib.motion import Motion
from fommvg_lib.share import WHOLE, Share
from fommvg_lib.training.recipe import Batch, Recipe
from fommvg_lib.visualize import draw_keypoints, strip

NUM_VALIDATION_CLIPS = 12
NUM_VALIDATION_FRAMES = 8


class PairRecipe(Recipe):
    """Base of what learns from pairs of frames. A batch holds `source` and `driving` (B, C, H, W) in [0, 1].

    Args:
        config: with data, batch_size, num_steps, num_epochs, epoch_milestones and seed.
        train: clips that are learned from.
        device: where the networks live.
        num_workers: processes that prepare batches; 0 prepares them in this one.
        num_channels: of the frames.
    """

    def __init__(
        self, config: Any, train: ClipSet, device: torch.device, num_workers: int, num_channels: int
    ) -> None:
        self.pairs = FramePairs(train, config.data, config.seed, num_channels)
        self.steps_per_epoch = max(1, len(self.pairs) // config.batch_size)
        num_steps = config.num_steps or config.num_epochs * self.steps_per_epoch
        super().__init__(config, device, num_steps, config.batch_size, fingerprint(train))
        self.num_workers = num_workers

    def batches(self, start_step: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield frame pairs from `start_step` on, the same ones for a step on every run."""
        pin_memory = self.device.type == "cuda"
        loader = PairLoader(
            self.pairs, self.config.batch_size, start_step, self.num_workers, pin_memory, share
        )
        return iter(loader)

    def epoch(self, step: int) -> float:
        """Give the epoch, with its fraction, that a step lies in.

        A run of a fixed number of steps goes through the config's epochs in those steps.
        """
        return step / self.num_steps * self.config.num_epochs

    def learning_rate_factor(self, step: int) -> float:
        """Give the factor on every base learning rate at a step: 0.1 for each epoch milestone passed."""
        return 0.1 ** sum(self.epoch(step) >= milestone for milestone in self.config.epoch_milestones)

    def randomness(self, step: int) -> torch.Generator:
        """Give the source of a step's noise, on the device."""
        return torch.Generator(self.device).manual_seed(_mix(self.config.seed, step))


class FrameRecipe(PairRecipe):
    """Base of the frame generators' recipes.

    Args:
        config: sizes, losses, data and schedule of the family.
        train: clips that are learned from.
        test: clips of other identities, for figures and pictures.
        device: where the networks live.
        num_workers: processes that prepare batches.
    """

    best_figure = "ratio"

    def __init__(
        self, config: Any, train: ClipSet, test: ClipSet, device: torch.device, num_workers: int = 0
    ) -> None:
        super().__init__(config, train, device, num_workers, config.model.num_channels)
        self.precision = config.precision
        self.held_out = held_out_frames(test, config.model.num_channels)

    def reconstruct(self, frames: Tensor) -> tuple[Any, Motion]:
        """Predict frames 1.. of a clip (T, C, H, W) from frame 0, with the networks for use.

        Returns:
            What the generator gives (with `prediction`, `deformed` and `occlusion_map`), and the motion of
            all T frames.
        """
        raise NotImplementedError

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Reconstruct held-out clips from their first frame.

        Returns:
            `l1` (mean absolute difference, frames in [0, 1]), `l1_repeat_first` for the clip's first frame
            repeated, and their `ratio`.
        """
        errors, baselines = [], []
        for clip in self.held_out:
            frames = clip.to(self.device)
            made, _ = self.reconstruct(frames)
            errors.append((made.prediction - frames[1:]).abs().mean().item())
            baselines.append((frames[:1] - frames[1:]).abs().mean().item())
        l1, repeat_first = float(np.mean(errors)), float(np.mean(baselines))
        return {"l1": l1, "l1_repeat_first": repeat_first, "ratio": l1 / max(repeat_first, 1e-8)}

    @torch.no_grad()
    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Show held-out clips: source, driving, warped source, prediction, occlusion; keypoints drawn."""
        rows = [self._row(clip.to(self.device)) for clip in self.held_out[:4]]
        names = ["source", "driving", "warped", "prediction", "visible"][: len(rows[0])]
        return {"reconstruction": strip(rows, columns=names, factor=max(1, 128 // self.config.size))}

    def _row(self, frames: Tensor) -> list[np.ndarray]:
        """Draw a clip's first and last frame and how the second is made from the first."""
        made, motion = self.reconstruct(frames)
        row = [picture(frames[0], motion[0]), picture(frames[-1], motion[-1])]
        row += [picture(made.deformed[-1]), picture(made.prediction[-1])]
        visible = self.visible_part(made, tuple(frames.shape[-2:]))
        return row if visible is None else [*row, picture(visible[-1])]

    def visible_part(self, made: Any, size: tuple[int, int]) -> Tensor | None:
        """Give the occlusion maps (T - 1, 1, H, W) at the frames' size, or None if there are none."""
        raise NotImplementedError


def _mix(seed: int, step: int) -> int:
    """Derive one 63-bit seed from two numbers."""
    return int(
        np.random.SeedSequence([seed, step]).generate_state(2, np.uint32).astype(np.uint64) @ (1, 2**31)
    )


def held_out_frames(clips: ClipSet, num_channels: int) -> list[Tensor]:
    """Take evenly spread frames of the first held-out clips; (T, C, H, W) each."""
    chosen = []
    for index in range(min(len(clips), NUM_VALIDATION_CLIPS)):
        count = min(NUM_VALIDATION_FRAMES, clips.num_frames(index))
        moments = np.linspace(0, clips.num_frames(index) - 1, count).round().astype(int)
        chosen.append(to_tensor(clips.frames(index, moments), num_channels))
    return chosen


def picture(image: Tensor, motion: Motion | None = None) -> np.ndarray:
    """Turn a frame (C, H, W) into a picture, with keypoints drawn where they are given."""
    array = to_images(image[None])[0]
    return array if motion is None else draw_keypoints(array, motion)
