"""The adversarial completer (WGAN): first and last frame known, a bidirectional GRU makes the rest at once.

Two forms. `legacy` is the published one: frames in the range of `JacobianRange`, out of a tanh, both ends
exact only because they are put back at use. `default` is corrected: it works in the space of `MotionScaling`
and gives a departure from the straight path, which vanishes at both ends if they are pinned.

Source: CSE 291G project "Video Completion" (2020); Arjovsky et al. 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fommvg_lib.motion_generator.frame_interpolation import interpolation_condition
from fommvg_lib.motion_generator.min_max import JacobianRange
from fommvg_lib.motion_generator.patterns import check_request, draw_noise, is_interpolation, keep_known
from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_generator.stored import StoredGenerator
from fommvg_lib.motion_generator.video_prediction import FORMS


class PublishedWganGenerator(nn.Module):
    """The published generator: noise and both encoded ends at every step, a bidirectional GRU, a tanh."""

    def __init__(self, num_dims: int, noise_dim: int = 40, hidden_dim: int = 256) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        self.encode = nn.Sequential(nn.Linear(num_dims, noise_dim), nn.ReLU())
        self.rnn = nn.GRU(3 * noise_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.decode = nn.Linear(2 * hidden_dim, num_dims)

    def forward(self, ends: Tensor, noise: Tensor) -> Tensor:
        """Generate (B, T, D) in [-1, 1] from both ends (B, 2, D) and noise (B, T, n), all scaled."""
        encoded = self.encode(ends).flatten(1)  # (B, 2n), one encoder for both
        states, _ = self.rnn(_with_condition(noise, encoded))
        return self.decode(states).tanh()


class WganGenerator(nn.Module):
    """The corrected generator: coefficients of the departure from the straight path.

    Args:
        num_dims: D.
        num_components: C.
        noise_dim: noise per frame.
        hidden_dim: width of each direction.
        pins_ends: take away the straight path between its own ends, so that it vanishes there.
    """

    def __init__(
        self, num_dims: int, num_components: int, noise_dim: int, hidden_dim: int, pins_ends: bool
    ) -> None:
        super().__init__()
        self.noise_dim, self.pins_ends = noise_dim, pins_ends
        self.encode = nn.Sequential(nn.Linear(2 * num_dims, hidden_dim), nn.ReLU())
        self.rnn = nn.GRU(noise_dim + hidden_dim + 2, hidden_dim, batch_first=True, bidirectional=True)
        self.decode = nn.Linear(2 * hidden_dim, num_components)

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Give coefficients (B, T, C) for both ends (B, 2D) and noise (B, T, n)."""
        batch, num_frames = noise.shape[:2]
        fraction = torch.linspace(0, 1, num_frames, device=noise.device, dtype=noise.dtype)[:, None]
        pace = torch.full_like(fraction, 10.0 / num_frames)  # how much of the way a frame goes
        clock = torch.cat([fraction, pace], dim=-1).expand(batch, -1, -1)
        states, _ = self.rnn(_with_condition(torch.cat([noise, clock], dim=-1), self.encode(condition)))
        drawn = self.decode(states)
        if not self.pins_ends:
            return drawn
        departure = drawn - torch.lerp(drawn[:, :1], drawn[:, -1:], fraction)
        is_inner = (fraction > 0) & (fraction < 1)  # at the ends rounding would leave a trace
        return departure * is_inner


class SequenceCritic(nn.Module):
    """Scores each step of a sequence, all in one call: a bidirectional GRU, a linear layer, no sigmoid.

    Args:
        num_features: F.
        hidden_dim: width of each direction.
        num_condition: G, numbers of a condition that it sees at every step; 0 (published): none.
    """

    def __init__(self, num_features: int, hidden_dim: int = 256, num_condition: int = 0) -> None:
        super().__init__()
        self.is_conditional = num_condition > 0
        self.rnn = nn.GRU(num_features + num_condition, hidden_dim, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * hidden_dim, 1)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Score features (B, T, F) under a condition (B, G), which it may not look at: (B, T)."""
        seen = _with_condition(features, condition) if self.is_conditional else features
        return self.score(self.rnn(seen)[0])[..., 0]


def _with_condition(steps: Tensor, condition: Tensor) -> Tensor:
    """Put a condition (B, G) beside every step of (B, T, F)."""
    return torch.cat([steps, condition[:, None].expand(-1, steps.shape[1], -1)], dim=-1)


class Wgan(StoredGenerator):
    """A motion generator that knows both ends.

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
        form: "default" or "legacy".
        noise_dim: noise per frame.
        hidden_dim: width of each direction of the GRU.
        num_components: C, principal components of the departure; the legacy form has none.
        pins_ends: whether both ends are exact in training too; at use they always are.
        fps: frame rate of what it learned.
        frame_generator_hash: of the frame generator whose motion it learned.

    Attributes:
        share_touched: after `complete`, the share of generated keypoints that were brought back into range
            (default form; the legacy form stays raw).
    """

    kind = "wgan"

    def __init__(
        self,
        num_dims: int,
        num_kp: int,
        form: str = "default",
        noise_dim: int = 40,
        hidden_dim: int = 256,
        num_components: int = 30,
        pins_ends: bool = True,
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
            "num_dims": num_dims, "num_kp": num_kp, "form": form, "noise_dim": noise_dim,
            "hidden_dim": hidden_dim, "num_components": num_components, "pins_ends": pins_ends,
        }  # fmt: skip
        if form == "legacy":
            self.network = PublishedWganGenerator(num_dims, noise_dim, hidden_dim)
            self.scaling = JacobianRange(num_dims, num_kp)
            return
        self.network = WganGenerator(num_dims, num_components, noise_dim, hidden_dim, pins_ends)
        self.scaling = MotionScaling(num_dims, num_kp)
        self.register_buffer("basis", torch.zeros(num_components, num_dims))

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows the first and the last frame alone."""
        return is_interpolation(known)

    @torch.no_grad()
    def complete(self, motion: Tensor, known: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Complete; see `MotionGenerator.complete`."""
        pattern = "the first and the last frame alone are known"
        check_request("wgan", pattern, self.supports(known), motion, known, self.num_dims)
        batch, num_frames = known.shape
        shape = batch, num_frames, self.network.noise_dim
        noise = draw_noise(num_samples, shape, generator).to(next(self.parameters()).device)
        return self.complete_with(motion, known, noise)

    @torch.no_grad()
    def complete_with(self, motion: Tensor, known: Tensor, noise: Tensor) -> Tensor:
        """Complete with given noise, e.g. one that all clips share, as the published test does.

        Args:
            motion: (B, T, D), raw; its first and last frame are used.
            known: (B, T) bool, both ends alone.
            noise: (S, B, T, n), on the device of the network.

        Returns:
            (S, B, T, D); known frames come back untouched.
        """
        num_samples, batch = noise.shape[:2]
        ends = motion[:, [0, -1]].to(noise).expand(num_samples, -1, -1, -1).flatten(0, 1)  # (S B, 2, D)
        drawn = self._generate(ends, noise.flatten(0, 1)).unflatten(0, (num_samples, batch))
        return keep_known(drawn.to(motion), motion, known)

    def _generate(self, ends: Tensor, noise: Tensor) -> Tensor:
        if self.form == "legacy":
            return self.scaling.restore(self.network(self.scaling.scale(ends), noise))
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
            (B, T, D).
        """
        change = self.scaling.displacement(seen)[:, 1]
        departure = self.network(interpolation_condition(self.scaling, seen), noise) @ self.basis
        fraction = torch.linspace(0, 1, noise.shape[1], device=noise.device, dtype=noise.dtype)
        return fraction[:, None] * change[:, None] + departure
