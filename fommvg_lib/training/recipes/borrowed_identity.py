"""Motion as another person would make it: an augmentation of motion sets by a TPSMM's AVD network.

The AVD network sees the points of somebody else as the identity and each frame's as the pose; the window it
gives has that identity's proportions and this window's movement. Published VP training changes every window
of a step to one and the same identity. Here each window borrows its own from another window of the step; the
legacy form does as published.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.checkpoints import Weights
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.motion import Motion
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.training.recipe import Batch

FRAMES_AT_ONCE = 8192
"""Through the network: its widest layer then holds 32 MB."""


class BorrowedIdentity:
    """Draws who lends an identity to whom, and changes the windows.

    Args:
        network: takes points as they are in the motion set; in evaluation mode, on the device that computes.
        share: of the windows that are changed, in (0, 1].
    """

    def __init__(self, network: AvdNetwork, share: float) -> None:
        self.network, self.share = network.eval().requires_grad_(False), share

    def draw(self, windows: Tensor, generator: torch.Generator) -> Batch:
        """Draw for the whole batch who borrows from whom: a random frame of another window.

        Args:
            windows: (B, T, D); of one window alone, it lends to itself.
            generator: source of all randomness.

        Returns:
            `identity` (B, D) and `borrows` (B,) bool: which windows are changed.
        """
        count, length, _ = windows.shape
        step = 1 + torch.randint(max(1, count - 1), (count,), generator=generator)
        lender = (torch.arange(count) + step) % count
        frame = torch.randint(length, (count,), generator=generator)
        borrows = torch.rand(count, generator=generator) < self.share
        return {"identity": windows[lender, frame], "borrows": borrows}

    def draw_one(self, motion: PackedMotion, count: int, generator: torch.Generator) -> Batch:
        """Draw one random frame of the set as the identity of all, as published; otherwise as `draw`."""
        clip = torch.randint(len(motion), (1,), generator=generator)
        identity = motion.draw_frames(clip, generator).expand(count, -1)
        return {"identity": identity, "borrows": torch.rand(count, generator=generator) < self.share}

    @torch.no_grad()
    def change(self, windows: Tensor, identity: Tensor, borrows: Tensor) -> Tensor:
        """Give windows (B, T, D) the identities (B, D) where `borrows` (B,) says so.

        Returns:
            (B, T, D) on the device of `windows`; places are not limited to [-1, 1].
        """
        device = self.network.decoder[0].weight.device
        poses = windows[borrows].flatten(0, 1).to(device)
        identities = identity[borrows].to(device).repeat_interleave(windows.shape[1], dim=0)
        parts = zip(poses.split(FRAMES_AT_ONCE), identities.split(FRAMES_AT_ONCE), strict=True)
        made = [self.network(self._motion(who), self._motion(pose)).vectors() for pose, who in parts]
        changed = windows.clone()
        changed[borrows] = torch.cat(made).to(windows).unflatten(0, (-1, windows.shape[1]))
        return changed

    def _motion(self, vectors: Tensor) -> Motion:
        return Motion.from_vectors(vectors, self.network.num_kp)


def lend_identities(
    weights: Weights | None, motion: PackedMotion, share: float, device: torch.device | str
) -> BorrowedIdentity | None:
    """Build the augmentation of a motion set, if it has a share in the windows.

    Args:
        weights: of the TPSMM whose motion this is, with an AVD network.
        motion: the set.
        share: of the windows that are changed; 0: none, and None is given.
        device: where the network computes.

    Raises:
        InputError: naming both, if motion or weights are not a TPSMM's, or if these hold no AVD network.
    """
    if not share:
        return None
    origin = motion.describe_origin()
    if motion.num_dims != 2 * motion.num_kp or (weights is not None and weights.kind != "tpsmm"):
        given = "" if weights is None else f", and {weights.folder} holds {weights.kind} weights"
        raise InputError(
            f"avd_share={share} is for a TPSMM's motion and AVD network; the motion set is of {origin}"
            f"{given} (avd_share=0 takes any)"
        )
    if weights is None:
        raise InputError(
            f"avd_share={share} needs --frame-generator, the TPSMM with an AVD network whose motion this is; "
            f"the motion set is of {origin} (avd_share=0 needs none)"
        )
    model = Tpsmm.from_weights(weights)
    model.check_avd()
    if model.num_dims != motion.num_dims:
        raise InputError(
            f"{weights.folder}: its AVD network takes {model.num_dims} numbers a frame, the motion set has "
            f"{motion.num_dims}"
        )
    return BorrowedIdentity(model.avd_network.to(device), share)
