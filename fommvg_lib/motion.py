"""Motion: keypoints with optional local affine maps, over any leading axes.

Conventions: coordinates in [-1, 1], x to the right then y down, -1 and +1 being the centres of the border
pixels. A Jacobian is the 2x2 derivative of the map from the model's reference frame to the picture at a
keypoint (Siarohin et al. 2019, Eq. 4). Vectors are ordered [values | jacobians], row-major.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

MIN_DETERMINANT = 1e-6


@dataclass(frozen=True)
class Motion:
    """Keypoints of one or many frames.

    Attributes:
        value: (..., K, 2) in [-1, 1], xy.
        jacobian: (..., K, 2, 2), or None for models without local maps.
    """

    value: Tensor
    jacobian: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the shapes at the door."""
        if self.value.ndim < 2 or self.value.shape[-1] != 2:
            raise ValueError(f"Motion.value must be (..., K, 2), got {tuple(self.value.shape)}")
        if self.jacobian is not None and self.jacobian.shape != (*self.value.shape, 2):
            raise ValueError(
                f"Motion.jacobian must be {(*self.value.shape, 2)}, got {tuple(self.jacobian.shape)}"
            )

    @property
    def num_kp(self) -> int:
        """The number of keypoints K."""
        return self.value.shape[-2]

    @property
    def shape(self) -> torch.Size:
        """The leading shape, without the keypoint axes."""
        return self.value.shape[:-2]

    def __len__(self) -> int:
        return self.value.shape[0]

    def __getitem__(self, index) -> Motion:
        """Index the leading axes."""
        return Motion(self.value[index], None if self.jacobian is None else self.jacobian[index])

    def to(self, *args, **kwargs) -> Motion:
        """Move or cast both parts, as `Tensor.to` does."""
        jacobian = None if self.jacobian is None else self.jacobian.to(*args, **kwargs)
        return Motion(self.value.to(*args, **kwargs), jacobian)

    def detach(self) -> Motion:
        """Cut both parts from the graph."""
        return Motion(self.value.detach(), None if self.jacobian is None else self.jacobian.detach())

    def expand(self, *leading: int) -> Motion:
        """Expand the leading axes, as `Tensor.expand` does."""
        jacobian = (
            None if self.jacobian is None else self.jacobian.expand(*leading, *self.jacobian.shape[-3:])
        )
        return Motion(self.value.expand(*leading, *self.value.shape[-2:]), jacobian)

    def vectors(self) -> Tensor:
        """Flatten to (..., D): D = 2K without Jacobians, 6K with; order [values | jacobians]."""
        flat = self.value.flatten(-2)
        if self.jacobian is None:
            return flat
        return torch.cat([flat, self.jacobian.flatten(-3)], dim=-1)

    @staticmethod
    def from_vectors(vectors: Tensor, num_kp: int) -> Motion:
        """Undo `vectors`.

        Raises:
            ValueError: if D is neither 2K nor 6K.
        """
        size = vectors.shape[-1]
        if size not in (2 * num_kp, 6 * num_kp):
            raise ValueError(f"vectors of length {size} do not hold {num_kp} keypoints (2K or 6K numbers)")
        value = vectors[..., : 2 * num_kp].unflatten(-1, (num_kp, 2))
        if size == 2 * num_kp:
            return Motion(value)
        return Motion(value, vectors[..., 2 * num_kp :].unflatten(-1, (num_kp, 2, 2)))


def cat(motions: list[Motion]) -> Motion:
    """Concatenate along the first axis."""
    has_jacobian = motions[0].jacobian is not None
    jacobian = torch.cat([m.jacobian for m in motions]) if has_jacobian else None
    return Motion(torch.cat([m.value for m in motions]), jacobian)


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Invert 2x2 matrices in closed form, in float32.

    A determinant with |det| < 1e-6 is replaced by 1e-6 of the same sign; elsewhere the result is exact.

    Args:
        matrix: (..., 2, 2).

    Returns:
        (..., 2, 2), float32 (float64 stays float64).
    """
    matrix = matrix if matrix.dtype == torch.float64 else matrix.float()
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = a * d - b * c
    floor = torch.where(determinant < 0, -MIN_DETERMINANT, MIN_DETERMINANT)
    determinant = torch.where(determinant.abs() < MIN_DETERMINANT, floor, determinant)
    adjugate = torch.stack([d, -b, -c, a], dim=-1).unflatten(-1, (2, 2))
    return adjugate / determinant[..., None, None]


def hull_scale(kp_source: Motion, kp_initial: Motion) -> float:
    """Give sqrt(area of the source's hull) / sqrt(area of the driving hull), over the K points.

    Raises:
        ValueError: if either set of points spans no area.
    """
    areas = []
    for name, motion in (("source", kp_source), ("initial driving", kp_initial)):
        points = motion.value.detach().reshape(-1, 2).double().cpu().numpy()
        try:
            areas.append(ConvexHull(points).volume)  # in 2-D the volume is the area
        except QhullError as error:
            raise ValueError(f"the {name} keypoints span no area, adapt_scale needs one") from error
    return float(np.sqrt(areas[0]) / np.sqrt(areas[1]))


def retarget(
    kp_source: Motion,
    kp_driving: Motion,
    kp_initial: Motion,
    mode: str = "relative",
    adapt_scale: bool = True,
    gain: float = 1.0,
) -> Motion:
    """Turn a driver's motion into absolute motion of the source, before rendering.

    Relative: p = p_S + gain * a * (p_D - p_D0) and J = J_D J_D0^-1 J_S, where a is `hull_scale` with
    `adapt_scale`, else 1. The gain scales the Jacobian's departure from J_S too. Absolute: the driver's own.

    Args:
        kp_source: the source's keypoints, no leading axes or one of length 1.
        kp_driving: (T,) frames of the driver.
        kp_initial: the driver's reference frame, laid out like `kp_source`.
        mode: "relative" or "absolute".
        adapt_scale: relative mode only; has no effect in absolute mode.
        gain: factor on the displacement, 1 as published; relative mode only.

    Returns:
        (T,) frames of motion in the source's place.

    Raises:
        ValueError: for an unknown mode, or hulls without area when the scale is to be adapted.

    Source: Siarohin et al. 2019, Sec. 3.4; the hull scale is the public release's.
    """
    if mode == "absolute":
        return kp_driving
    if mode != "relative":
        raise ValueError(f"mode {mode!r} is neither relative nor absolute")
    scale = hull_scale(kp_source, kp_initial) if adapt_scale else 1.0
    value = kp_source.value + gain * scale * (kp_driving.value - kp_initial.value)
    if kp_driving.jacobian is None:
        return Motion(value)
    moved = kp_driving.jacobian @ inverse_2x2(kp_initial.jacobian)
    if gain != 1.0:
        identity = torch.eye(2, dtype=moved.dtype, device=moved.device)
        moved = identity + gain * (moved - identity)
    return Motion(value, moved @ kp_source.jacobian)


def smooth(motion: Motion, fps: float, strength: float, speed_coefficient: float = 2.0) -> Motion:
    """Remove jitter with the One-Euro filter: slow motion is smoothed, fast motion follows at once.

    Args:
        motion: (T,) frames.
        fps: frames per second.
        strength: time constant at rest, in tenths of a second; 0 leaves the motion as it is.
        speed_coefficient: how fast the cut-off frequency rises with speed (Hz per unit per second).

    Returns:
        (T,) frames; frame 0 is unchanged.

    Source: Casiez et al. 2012, "1 Euro filter"; the derivative's cut-off is their 1 Hz.
    """
    if strength < 0:
        raise ValueError(f"smooth strength must be >= 0, got {strength}")
    if strength == 0:
        return motion
    signal = motion.vectors()
    min_cutoff = 10.0 / (2 * torch.pi * strength)
    filtered, speed, rows = signal[0], torch.zeros_like(signal[0]), [signal[0]]
    derivative_weight = _low_pass_weight(torch.tensor(1.0), fps)
    for value in signal[1:]:
        speed = speed + derivative_weight * ((value - filtered) * fps - speed)
        weight = _low_pass_weight(min_cutoff + speed_coefficient * speed.abs(), fps)
        filtered = filtered + weight * (value - filtered)
        rows.append(filtered)
    return Motion.from_vectors(torch.stack(rows), motion.num_kp)


def _low_pass_weight(cutoff: Tensor, fps: float) -> Tensor:
    """Give the weight of the new value in an exponential filter of a cut-off frequency in Hz."""
    return 1.0 / (1.0 + fps / (2 * torch.pi * cutoff))


def closest_frame(kp_source: Motion, kp_driving: Motion) -> int:
    """Find the driving frame whose pose is closest to the source's.

    Both sets of points are centred and divided by the root of their hull's area first, as the public release
    does with face landmarks; the model's own keypoints need no landmark detector.

    Args:
        kp_source: the source's keypoints, no leading axes or one of length 1.
        kp_driving: (T,) frames.

    Returns:
        The index of the frame with the least sum of squared differences.
    """
    reference = _normalised_points(kp_source.value.reshape(-1, 2))
    distances = [(_normalised_points(points) - reference).square().sum() for points in kp_driving.value]
    return int(torch.stack(distances).argmin())


def _normalised_points(points: Tensor) -> Tensor:
    centred = points.detach().double().cpu()
    centred = centred - centred.mean(0)
    try:
        area = ConvexHull(centred.numpy()).volume
    except QhullError as error:
        raise ValueError("the keypoints span no area, so poses cannot be compared") from error
    return centred / area**0.5
