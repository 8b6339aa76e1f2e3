"""Frame interpolation (FI): first and last frame known, all between generated (FOMMVG, FI model).

Two forms. `default` is corrected: it works in the space of `MotionScaling` and adds to the straight path
between the two ends a departure that vanishes at both. `legacy` is the published one: absolute frames,
raw in and out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fommvg_lib.motion_generator.networks import MLP, InterpolationNetwork, PublishedInterpolation
from fommvg_lib.motion_generator.patterns import check_request, draw_noise, is_interpolation, keep_known
from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_generator.stored import StoredGenerator
from fommvg_lib.motion_generator.video_prediction import FORMS


class FrameInterpolation(StoredGenerator):
    """A motion generator that knows both ends.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
        form: "default" or "legacy".
        noise_dim: noise per frame.
        hidden_dim: width of each LSTM.
        num_components: C, principal components of the departure; the legacy form has none.
        fps: frame rate of what it learned.
        frame_generator_hash: of the frame generator whose motion it learned.
        noise_memory: frames that noise channels remember (`NoiseMemory`); none: white, as in the legacy form.

    Attributes:
        share_touched: after `complete`, the share of generated keypoints that were brought back into range.
    """

    kind = "fi"

    def __init__(
        self,
        num_dims: int,
        num_kp: int,
        form: str = "default",
        noise_dim: int = 100,
        hidden_dim: int = 100,
        num_components: int = 30,
        fps: float | None = None,
        frame_generator_hash: str | None = None,
        noise_memory: Sequence[float] = (),
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"form {form!r} is neither default nor legacy")
        self.num_dims, self.num_kp, self.form = num_dims, num_kp, form
        self.fps, self.frame_generator_hash = fps, frame_generator_hash
        self.share_touched = 0.0
        self.sizes = {
            "num_dims": num_dims, "num_kp": num_kp, "form": form, "noise_dim": noise_dim,
            "hidden_dim": hidden_dim, "num_components": num_components, "noise_memory": list(noise_memory),
        }  # fmt: skip
        if form == "legacy":
            self.network = PublishedInterpolation(num_dims, num_kp, noise_dim, hidden_dim)
            return
        self.network = InterpolationNetwork(num_dims, num_components, noise_dim, hidden_dim, noise_memory)
        self.scaling = MotionScaling(num_dims, num_kp)
        self.register_buffer("basis", torch.zeros(num_components, num_dims))

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows the first and the last frame alone."""
        return is_interpolation(known)

    @torch.no_grad()
    def complete(self, motion: Tensor, known: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Interpolate; see `MotionGenerator.complete`."""
        pattern = "the first and the last frame alone are known"
        check_request("fi", pattern, self.supports(known), motion, known, self.num_dims)
        batch, num_frames = known.shape
        device = next(self.parameters()).device
        num_noise = num_frames - 2 * (self.form == "legacy")
        noise = draw_noise(num_samples, (batch, num_noise, self.network.noise_dim), generator).to(device)
        ends = motion[:, [0, -1]].to(noise).expand(num_samples, -1, -1, -1).flatten(0, 1)  # (S B, 2, D)
        drawn = self._generate(ends, noise.flatten(0, 1)).unflatten(0, (num_samples, batch))
        return keep_known(drawn.to(motion), motion, known)

    def _generate(self, ends: Tensor, noise: Tensor) -> Tensor:
        if self.form == "legacy":
            return self.network(ends[:, 0], ends[:, 1], noise)
        seen = self.scaling.represent(ends, ends[:, 0])
        path = self.path(seen, noise)
        motion, touched = self.scaling.restore(self.scaling.displaced(seen[:, 0], path), ends[:, 0])
        self.share_touched = touched[:, 1:-1].float().mean().item()
        return motion

    def path(self, seen: Tensor, noise: Tensor) -> Tensor:
        """Generate the displacement from frame 0, in units of its spread (default form).

        Args:
            seen: both ends as `MotionScaling.represent` gives them, (B, 2, D).
            noise: (B, T, n).

        Returns:
            (B, T, D); zero at frame 0, the second end's displacement at frame T - 1.
        """
        change = self.scaling.displacement(seen)[:, 1]
        departure = self.network(interpolation_condition(self.scaling, seen), noise) @ self.basis
        fraction = torch.linspace(0, 1, noise.shape[1], device=noise.device, dtype=noise.dtype)
        return fraction[:, None] * change[:, None] + departure


def interpolation_condition(scaling: MotionScaling, seen: Tensor) -> Tensor:
    """Give FI's condition (B, 2D) from both ends: frame 0 scaled, and the way to the last frame."""
    return torch.cat([scaling.condition(seen[:, 0]), scaling.displacement(seen)[:, 1]], dim=-1)


def noise_recoverer(num_dims: int, noise_dim: int) -> MLP:
    """Build H of the published form: three layers of the noise's width, frames (..., D) to noise (..., n)."""
    return MLP(num_dims, noise_dim, noise_dim)
