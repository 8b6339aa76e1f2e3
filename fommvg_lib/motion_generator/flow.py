"""Motion flow: one model that completes any set of known frames, by conditional flow matching.

A draw from a Gaussian process through the known frames (`flow_prior.py`), as lively as a clip may be
(`flow_activity.py`), becomes motion along dx/dt = v(x, t, known frames), t from 0 to 1; training makes v the
mean velocity of straight lines from draws that are as lively as the clip to the clip. Displacements are seen
from the first known frame, in the space of `MotionScaling`. Sequences longer than a training window are made
window by window, each knowing the end of the one before (`flow_windows.py`). Source: Lipman et al. 2023,
Sec. 4; Tong et al. 2024 (any distribution to begin with).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fommvg_lib.motion_generator.flow_activity import Activity
from fommvg_lib.motion_generator.flow_integration import integrate
from fommvg_lib.motion_generator.flow_network import FlowNetwork
from fommvg_lib.motion_generator.flow_prior import Bridge, MotionPrior
from fommvg_lib.motion_generator.flow_windows import plan_windows
from fommvg_lib.motion_generator.linear import neighbours
from fommvg_lib.motion_generator.patterns import check_request, draw_noise, has_known_frame, keep_known
from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_generator.stored import StoredGenerator

MAX_LIVELINESS = 3.0


class MotionFlow(StoredGenerator):
    """A motion generator for any pattern with a known frame, of any length.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
        width: of the transformer's tokens.
        num_layers: of the transformer.
        num_heads: of its attention.
        hidden_dim: of its two-layer networks.
        min_window: frames of the shortest window it learned; shorter requests are completed within one.
        max_window: frames of the longest; longer requests are completed window by window.
        fps: frame rate of what it learned.
        frame_generator_hash: of the frame generator whose motion it learned.

    Attributes:
        num_steps: of the integration, at least 1; two network calls each.
        liveliness: factor, 0 to 3, on the generated departure from the straight path through the known frames
            (before the first and behind the last it stands still). Known frames stay as they are; where
            a known past ends the speed changes by the factor. Scaling the noise instead moved less and looked
            less like a head: for 1.5 times the displacement of landmarks the nearest real shape was 1.7 times
            as far as usual, this way 1.4 times.
        share_touched: after `complete`, the share of generated keypoints that were brought back into range.
    """

    kind = "flow"

    def __init__(
        self,
        num_dims: int,
        num_kp: int,
        width: int = 80,
        num_layers: int = 3,
        num_heads: int = 4,
        hidden_dim: int = 128,
        min_window: int = 4,
        max_window: int = 64,
        fps: float | None = None,
        frame_generator_hash: str | None = None,
    ) -> None:
        super().__init__()
        self.num_dims, self.num_kp = num_dims, num_kp
        self.min_window, self.max_window = min_window, max_window
        self.fps, self.frame_generator_hash = fps, frame_generator_hash
        self.num_steps, self.liveliness, self.share_touched = 12, 1.0, 0.0
        self.sizes = {
            "num_dims": num_dims, "num_kp": num_kp, "width": width, "num_layers": num_layers,
            "num_heads": num_heads, "hidden_dim": hidden_dim, "min_window": min_window,
            "max_window": max_window,
        }  # fmt: skip
        self.network = FlowNetwork(num_dims, width, num_layers, num_heads, hidden_dim)
        self.scaling = MotionScaling(num_dims, num_kp)
        self.prior = MotionPrior(num_dims, max_window)
        self.activity = Activity(num_dims, max_window)

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows a frame."""
        return has_known_frame(known)

    @torch.no_grad()
    def complete(self, motion: Tensor, known: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Complete any pattern; see `MotionGenerator.complete`."""
        check_request("flow", "a frame is known", self.supports(known), motion, known, self.num_dims)
        device = self.scaling.mean.device
        batch, num_frames = known.shape
        length = max(num_frames, self.min_window)
        noise = draw_noise(num_samples, (2, batch, length, self.num_dims), generator).to(device)
        given = _hold(motion, known).to(noise)
        noise = noise.transpose(0, 1)  # of paths and of activities, each (S, B, length, D)
        samples = noise.new_empty(num_samples, *motion.shape)
        touched = noise.new_empty(num_samples, batch, num_frames, self.num_kp, dtype=torch.bool)
        for pattern in known.unique(dim=0):
            rows = (known == pattern).all(dim=1).to(device)
            begun = given[rows].expand(num_samples, -1, -1, -1).flatten(0, 1)  # (S R, T, D)
            parts = self._complete_alike(begun, pattern, noise[:, :, rows].flatten(1, 2))
            for whole, part in zip((samples, touched), parts, strict=True):
                whole[:, rows] = part.unflatten(0, (num_samples, -1))
        unknown = ~known.to(device).expand(num_samples, -1, -1)
        self.share_touched = touched[unknown].float().mean().item() if unknown.any() else 0.0
        return keep_known(samples.to(motion), motion, known)

    def _complete_alike(self, motion: Tensor, known: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Complete motions (N, T, D) that know the same frames (T,); give also what was touched (N, T, K).

        Noise is (2, N, length, D), length T or more.
        """
        motion, known = motion.clone(), known.to(motion.device)
        finished, touched = known.clone(), torch.zeros(*motion.shape[:2], self.num_kp, dtype=torch.bool)
        touched = touched.to(motion.device)
        activity = None
        for window in plan_windows(known, self.max_window):
            seen = slice(window.start, window.stop)
            made, out_of_range, activity = self._complete_window(
                motion[:, seen], finished[seen], noise[:, :, window.start :], activity
            )
            kept = torch.zeros_like(finished)
            kept[window.keep_start : window.keep_stop] = True
            kept &= ~finished
            motion[:, kept], touched[:, kept] = made[:, kept[seen]], out_of_range[:, kept[seen]]
            finished |= kept
        if self.liveliness != 1:
            motion, livelier = self._enliven(motion, known)
            touched = touched | livelier
        return motion, touched

    def _complete_window(
        self, motion: Tensor, known: Tensor, noise: Tensor, before: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Complete (N, T, D) with known frames (T,) at once; give also what was touched, and activities.

        Noise (2, N, ...) has T frames or more; `before` are the activities of the window before.
        """
        num_frames = motion.shape[1]
        short = max(0, self.min_window - num_frames)
        motion = torch.cat([motion, motion[:, -1:].expand(-1, short, -1)], dim=1)
        known = torch.cat([known, known.new_zeros(short)]).expand(len(motion), -1)
        space = self.see(motion, known)
        bridge = self.prior.bridge(known[:1])
        activity = self.activity.draw(self.prior.components(space.path), known[0], noise[1, :, 0], before)
        start = bridge.draw(space.path, noise[0, :, : motion.shape[1]], activity)

        def field(path: Tensor, time: float) -> Tensor:
            times = path.new_full((len(path),), time)
            return self.velocity(path, times, known, space.condition, activity, bridge)

        path = integrate(field, start, self.num_steps)
        made, touched = self.scaling.restore(
            space.origin[:, None] + path * self.scaling.spread, space.reference
        )
        return made[:, :num_frames], touched[:, :num_frames], activity

    def _enliven(self, motion: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Scale the departure of finished motions from the straight path through the frames known (T,)."""
        if not 0 <= self.liveliness <= MAX_LIVELINESS:
            raise ValueError(f"liveliness must be from 0 to {MAX_LIVELINESS:g}, got {self.liveliness:g}")
        reference = motion[:, int(known.int().argmax())]
        seen = self.scaling.represent(motion, reference)
        before, after, fraction = neighbours(known[None])
        straight = torch.lerp(seen[:, before[0]], seen[:, after[0]], fraction[0, :, None].to(seen))
        return self.scaling.restore(torch.lerp(straight, seen, self.liveliness), reference)

    def fit(self, windows: Tensor) -> None:
        """Set scaling, prior and activities from training windows (N, T, D), raw, of `max_window` frames."""
        self.scaling.fit(windows)
        path = self.scaling.displacement(self.scaling.represent(windows, windows[:, 0]))
        self.prior.fit(path)
        self.activity.fit(self.prior.components(path))

    def see(self, motion: Tensor, known: Tensor) -> SeenMotion:
        """Put raw motion (B, T, D) into the space of the flow, from the first known frame of each (B, T)."""
        first = known.int().argmax(dim=1)
        reference = motion[torch.arange(len(motion), device=motion.device), first]
        origin = self.scaling.represent(reference[:, None], reference)[:, 0]
        path = (self.scaling.represent(motion, reference) - origin[:, None]) / self.scaling.spread
        return SeenMotion(path, origin, reference, self.scaling.condition(origin))

    def velocity(
        self,
        path: Tensor,
        time: Tensor,
        known: Tensor,
        condition: Tensor,
        activity: Tensor,
        bridge: Bridge,
    ) -> Tensor:
        """Give the velocity of the flow, 0 at known frames.

        It takes the same way as the noise, through the prior: errors of the network are as smooth as motion.

        Args:
            path: (B, T, D), in units of spread, on its way from the prior to motion.
            time: (B,) in [0, 1].
            known: (B, T) bool.
            condition: (B, D), from `see`.
            activity: (B, D), of each component.
            bridge: of the prior, for the same known frames.

        Returns:
            (B, T, D).
        """
        return bridge.carry(self.network(path, time, known, condition, activity), activity)


@dataclass(frozen=True)
class SeenMotion:
    """A motion in the space of the flow.

    Attributes:
        path: (B, T, D), displacement from the reference frame in units of its spread.
        origin: (B, D), the reference frame as `MotionScaling` represents it.
        reference: (B, D), the same frame, raw.
        condition: (B, D), the origin centred and scaled.
    """

    path: Tensor
    origin: Tensor
    reference: Tensor
    condition: Tensor


def _hold(motion: Tensor, known: Tensor) -> Tensor:
    """Fill unknown frames of (B, T, D), which may be NaN, with the known frame next before, or after."""
    before, _, _ = neighbours(known)
    return motion.gather(1, before[..., None].expand_as(motion))
