"""From (seed, identity, clip, frame) to pictures and their ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fommvg_lib.synthetic import features, head
from fommvg_lib.synthetic.anatomy import Anatomy
from fommvg_lib.synthetic.background import draw_background
from fommvg_lib.synthetic.canvas import Canvas
from fommvg_lib.synthetic.face_points import find_face_points
from fommvg_lib.synthetic.identity import stack_looks
from fommvg_lib.synthetic.landmarks import find_landmarks
from fommvg_lib.synthetic.movement import parameters_at

POSE_NAMES = ("x", "y", "scale", "roll", "yaw", "pitch")
MIN_SIZE, MAX_SIZE = 32, 256
_PIXELS_AT_ONCE = 1 << 17  # keeps the planes of a group of frames within the processor's cache


@dataclass(frozen=True)
class HeadClip:
    """A clip and everything that is true about it.

    Attributes:
        frames: (T, H, W, 3) uint8, RGB.
        landmarks: (T, L, 2) float32 in [-1, 1], xy, columns as in `LANDMARK_NAMES`.
        visibility: (T, L) bool.
        pose: (T, 6) float32, the first six of the parameters (`POSE_NAMES`): x and y in picture units, scale
            a factor, roll, yaw and pitch in radians.
        parameters: (T, P) float32, columns as in `PARAMETER_NAMES`.
        identity: number of the person.
        clip: number of the clip.
        seed: seed of the whole set.
        fps: frames per second.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    visibility: np.ndarray
    pose: np.ndarray
    parameters: np.ndarray
    identity: int
    clip: int
    seed: int
    fps: float


def render_clip(
    identity: int, clip: int, num_frames: int = 64, size: int = 64, seed: int = 0, fps: float = 25
) -> HeadClip:
    """Render the first frames of a clip with their ground truth.

    A longer clip begins with the shorter one, and no motion depends on the size.

    Args:
        identity: number of the person, >= 0 (see `identities`).
        clip: number of the clip, >= 0.
        num_frames: T.
        size: side in pixels, 32 to 256.
        seed: seed of the whole set.
        fps: frames per second; the same motion is sampled more or less densely.

    Raises:
        ValueError: for a size outside 32 to 256 or negative numbers.
    """
    parameters = parameters_at(identity, clip, np.arange(num_frames), seed, fps)
    looks = stack_looks([identity], seed).repeat(num_frames)
    frames = _render(looks, parameters, [identity] * num_frames, size, seed)
    landmarks, visibility = find_landmarks(Anatomy(looks, parameters))
    pose = parameters[:, : len(POSE_NAMES)]
    return HeadClip(frames, landmarks, visibility, pose, parameters, identity, clip, seed, fps)


def render_frames(
    identity: int, clip: int, indices: Sequence[int], size: int, seed: int = 0, fps: float = 25
) -> np.ndarray:
    """Render some frames of a clip, in any order: (n, size, size, 3) uint8; errors as in `render_clip`."""
    parameters = parameters_at(identity, clip, np.asarray(indices, dtype=np.int64), seed, fps)
    looks = stack_looks([identity], seed).repeat(len(parameters))
    return _render(looks, parameters, [identity] * len(parameters), size, seed)


def render_batch(
    requests: Sequence[tuple[int, int, int]], size: int, seed: int = 0, fps: float = 25
) -> np.ndarray:
    """Render frames of different people in one go.

    Args:
        requests: n triples (identity, clip, frame).
        size: side in pixels, 32 to 256.
        seed: seed of the whole set.
        fps: frames per second.

    Returns:
        (n, size, size, 3) uint8, equal to `render_frames` for each triple.

    Raises:
        ValueError: for a size outside 32 to 256 or negative numbers.
    """
    people = [identity for identity, _, _ in requests]
    rows = [parameters_at(identity, clip, np.array([frame]), seed, fps) for identity, clip, frame in requests]
    return _render(stack_looks(people, seed), np.concatenate(rows), people, size, seed)


def render_parameters(people: Sequence[int], parameters: np.ndarray, size: int, seed: int = 0) -> np.ndarray:
    """Render people in poses of any origin.

    Args:
        people: n numbers of identities.
        parameters: (n, P) float32, columns as in `PARAMETER_NAMES`.
        size: side in pixels, 32 to 256.
        seed: seed of the whole set.

    Returns:
        (n, size, size, 3) uint8.

    Raises:
        ValueError: for a size outside 32 to 256.
    """
    return _render(stack_looks(list(people), seed), parameters, people, size, seed)


def face_points(people: Sequence[int], parameters: np.ndarray, seed: int = 0) -> np.ndarray:
    """Give the 68 points of faces (n, 68, 2) in [-1, 1] xy; arguments as of `render_parameters`."""
    return find_face_points(Anatomy(stack_looks(list(people), seed), parameters))


def _render(
    looks: np.ndarray, parameters: np.ndarray, people: Sequence[int], size: int, seed: int
) -> np.ndarray:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"size must be {MIN_SIZE} to {MAX_SIZE} pixels, got {size}")
    frames = np.empty((len(looks), size, size, 3), dtype=np.uint8)
    group = max(1, _PIXELS_AT_ONCE // size**2)
    for start in range(0, len(looks), group):
        rows = slice(start, start + group)
        backgrounds = np.stack([draw_background(person, size, seed) for person in people[rows]])
        frames[rows] = _paint(Anatomy(looks[rows], parameters[rows]), Canvas(backgrounds))
    return frames


def _paint(anatomy: Anatomy, canvas: Canvas) -> np.ndarray:
    """Paint all parts from back to front."""
    head.paint_hair_behind(canvas, anatomy)
    head.paint_body(canvas, anatomy)
    head.paint_ears(canvas, anatomy, in_front=False)
    head.paint_head(canvas, anatomy)
    head.paint_ears(canvas, anatomy, in_front=True)
    features.paint_cheeks(canvas, anatomy)
    features.paint_eyes(canvas, anatomy)
    features.paint_brows(canvas, anatomy)
    features.paint_mouth(canvas, anatomy)
    features.paint_moustache(canvas, anatomy)
    features.paint_nose(canvas, anatomy)
    features.paint_glasses(canvas, anatomy)
    return canvas.to_uint8()
