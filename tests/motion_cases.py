"""Motion made up for tests: smooth, wandering about a place, with Jacobians."""

from __future__ import annotations

import torch

from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip


def wandering(num_frames, num_kp=4, has_jacobian=True, seed=0):
    """A second-order Ornstein-Uhlenbeck motion of `num_kp` points that share most of their movement."""
    generator = torch.Generator().manual_seed(seed)
    inner = torch.randn(3, generator=generator)
    smooth, rows = inner.clone(), []
    for _ in range(num_frames):
        inner = 0.9 * inner + 0.43 * torch.randn(3, generator=generator)
        smooth = smooth + 0.3 * (inner - smooth)
        rows.append(smooth)
    track = torch.stack(rows)  # (T, 3): x, y, turn
    layout = torch.randn(num_kp, 2, generator=torch.Generator().manual_seed(99)) * 0.3
    value = layout + 0.1 * track[:, None, :2] + 0.02 * track[:, None, 2:] * layout.flip(-1)
    if not has_jacobian:
        return Motion(value)
    angle = 0.3 * track[:, 2]
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=-1).unflatten(-1, (2, 2))
    base = torch.eye(2) + 0.2 * torch.randn(num_kp, 2, 2, generator=torch.Generator().manual_seed(98))
    return Motion(value, turn[:, None] @ base)


def wandering_clips(num_clips=10, num_frames=40, num_kp=4, has_jacobian=True):
    """A motion set."""
    return [
        MotionClip(
            wandering(num_frames, num_kp, has_jacobian, seed),
            25.0,
            (64, 64),
            f"clip{seed}",
            f"c{seed}",
            "frames",
        )
        for seed in range(num_clips)
    ]
