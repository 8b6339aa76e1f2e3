"""Where a flow of motion begins: a Gaussian process that already passes through the known frames.

White noise would have to be smoothed by the network, and what is left of it shows as jitter. So the noise is
as smooth in time, and its numbers hang together, as in the training set. Displacements are split into
components that are uncorrelated in place and in acceleration, slow ones first, each with its covariance in
time K. K is intrinsic, c - g(|t - s|) with the variogram g of the motion and a large c:
nothing is assumed of where a clip's motion is centred. Conditioned on the known frames (kriging), the process
meets them at all times of the flow. Sources: Kollovieh et al. 2025 (flow matching from Gaussian-process
priors); Wiskott and Sejnowski 2002 (slow features); Chiles and Delfiner 2012, Sec. 7.3 (conditioning).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CENTRE = 10.0
"""c, in units of the variogram's largest value."""
MIN_VARIANCE = 1e-6
"""The least variance of a direction, over the mean one or over the variogram's largest value."""


class MotionPrior(nn.Module):
    """Gaussian process of displacements; its numbers are buffers and travel with the weights.

    Args:
        num_dims: D.
        longest: frames of the longest window.

    Attributes:
        variogram: (D, T), g of each component at lags 0 to T - 1, T the longest window.
        roots: (D, T, T), lower triangular, K = root root^T; made of the variogram, not saved.
        mixing: (D, D), from components, of unit displacement, to the D numbers.
        unmixing: (D, D), its inverse.
    """

    def __init__(self, num_dims: int, longest: int) -> None:
        super().__init__()
        variogram = 1 - torch.exp(-torch.arange(longest) / 8.0)
        self.register_buffer("variogram", variogram.expand(num_dims, -1).clone())
        self.register_buffer("roots", _roots(self.variogram), persistent=False)
        self.register_buffer("mixing", torch.eye(num_dims))
        self.register_buffer("unmixing", torch.eye(num_dims))
        self.register_load_state_dict_post_hook(_make_roots)

    def fit(self, path: Tensor) -> None:
        """Measure displacements from frame 0 (N, T, D) of windows as long as the longest.

        Raises:
            ValueError: if they are not; lags that nobody has seen cannot be made up without roughness.
        """
        longest = self.variogram.shape[1]
        if path.shape[1] != longest:
            raise ValueError(f"the prior is for windows of {longest} frames, got {path.shape[1]}")
        path = path.detach().double()
        mixing, unmixing = slow_components(path)
        components = path @ unmixing.T
        self.variogram.copy_(_variogram(components))
        _make_roots(self)
        self.mixing.copy_(mixing)
        self.unmixing.copy_(unmixing)

    def components(self, path: Tensor) -> Tensor:
        """Split displacements (..., D) into components."""
        return path @ self.unmixing.T

    def bridge(self, known: Tensor) -> Bridge:
        """Condition the process on patterns of known frames.

        Args:
            known: (P, T) bool, P patterns, each with a known frame; T at most the longest window.
        """
        num_frames, seen = known.shape[1], known.double()[:, None, :, None]  # (P, 1, T, 1)
        roots = self.roots[:, :num_frames, :num_frames]  # (D, T, T)
        covariance = roots @ roots.mT
        among_seen = seen * covariance * seen.mT + torch.diag_embed(1 - seen[..., 0])  # (P, D, T, T)
        meet = torch.cholesky_solve(seen * covariance, torch.linalg.cholesky(among_seen)).mT * seen.mT
        depart = roots - meet @ roots
        meet, depart = (maps.to(self.mixing) for maps in (meet, depart))
        return Bridge(meet, depart, self.mixing, self.unmixing)


@dataclass(frozen=True)
class Bridge:
    """The process under the condition that it meets some known frames.

    Rows of what goes in come in P equal blocks, each block knowing the same frames.

    Attributes:
        meet: (P, D, T, T), from known frames of a component to its mean over time.
        depart: (P, D, T, T), from white noise to the departure from the mean; 0 in known frames.
        mixing: (D, D), from components to the D numbers.
        unmixing: (D, D), its inverse.
    """

    meet: Tensor
    depart: Tensor
    mixing: Tensor
    unmixing: Tensor

    def draw(self, path: Tensor, white: Tensor, activity: Tensor) -> Tensor:
        """Draw motions that pass through the known frames, up to rounding.

        Args:
            path: (B, T, D), displacements; only known frames count.
            white: (B, T, D) of N(0, 1).
            activity: (B, D), logarithm of a factor on each component's departure from its mean.

        Returns:
            (B, T, D).
        """
        return _over_time(self.meet, path @ self.unmixing.T) @ self.mixing.T + self.carry(white, activity)

    def carry(self, change: Tensor, activity: Tensor) -> Tensor:
        """Turn (B, T, D) numbers of equal size, unrelated in time, into a change that moves like the motion.

        It takes the way of white noise, so known frames stay where they are. `activity` is as in `draw`.
        """
        return (_over_time(self.depart, change) * activity.exp()[:, None]) @ self.mixing.T


def _over_time(maps: Tensor, components: Tensor) -> Tensor:
    """Apply (P, D, T, T) to the time of (B, T, D), rows in P equal blocks."""
    blocks = components.unflatten(0, (len(maps), -1)).permute(0, 3, 2, 1)  # (P, D, T, R)
    return (maps @ blocks).permute(0, 3, 2, 1).flatten(0, 1)


def slow_components(path: Tensor) -> tuple[Tensor, Tensor]:
    """Find components uncorrelated in displacement and in acceleration, slow ones first.

    Args:
        path: (N, T, D) displacements, float64, T >= 3.

    Returns:
        The matrix (D, D) from components to displacements, and its inverse; the components' mean square over
        the windows is 1.

    Source: Wiskott and Sejnowski 2002, with second differences for derivatives.
    """
    flat, acceleration = path.flatten(0, 1), path.diff(n=2, dim=1).flatten(0, 1)
    shared = flat.T @ flat / len(flat)
    values, vectors = torch.linalg.eigh(_at_least(shared, MIN_VARIANCE * shared.diagonal().mean().item()))
    white, colour = vectors / values.sqrt(), vectors * values.sqrt()
    _, turn = torch.linalg.eigh(white.T @ (acceleration.T @ acceleration) @ white)
    return colour @ turn, (white @ turn).T


def _variogram(path: Tensor) -> Tensor:
    """Give half the mean square of each component of (N, T, D) over each lag 0 to T - 1: (D, T)."""
    gaps = [path[:, lag:] - path[:, :-lag] for lag in range(1, path.shape[1])]
    halves = [gap.square().mean(dim=(0, 1)) / 2 for gap in gaps]
    return torch.stack([path.new_zeros(path.shape[-1]), *halves], dim=1)


def _make_roots(prior: MotionPrior, _: object = None) -> None:
    prior.roots.copy_(_roots(prior.variogram))


def _roots(variogram: Tensor) -> Tensor:
    """Give the Cholesky roots (D, T, T), float64, of the covariances in time of variograms (D, T)."""
    variogram = variogram.double().cpu()
    time = torch.arange(variogram.shape[1])
    lag = (time[:, None] - time).abs()
    roots = []
    for values in variogram:
        largest = values.max().clamp_min(1e-12)
        covariance = _at_least(CENTRE * largest - values[lag], (MIN_VARIANCE * largest).item())
        roots.append(torch.linalg.cholesky(covariance))
    return torch.stack(roots)


def _at_least(matrix: Tensor, floor: float) -> Tensor:
    """Give the nearest symmetric matrix whose eigenvalues are at least `floor`."""
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return (vectors * values.clamp_min(floor)) @ vectors.mT
