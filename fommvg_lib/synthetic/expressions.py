"""Takes of posed expressions, as facial expression sets such as MUG hold them, of the cartoon heads.

A take begins neutral, goes to the expression's apex, holds it and returns; the head hardly moves. Its twelve
parameters are those of `movement`. A take is drawn from (seed, identity, expression, take).
"""

from __future__ import annotations

import numpy as np

from fommvg_lib.synthetic.movement import PARAMETER_NAMES, STREAM_MOTION, parameters_at

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""MUG's six, in its order."""
# The apex of each: brow, mouth_open, smile, lids closed, gaze_y, pitch.
_APEX = {
    "anger": (-1.0, 0.10, -0.55, 0.15, 0.0, 0.06),
    "disgust": (-0.7, 0.25, -0.80, 0.40, 0.2, -0.05),
    "fear": (0.8, 0.45, -0.40, 0.0, -0.2, -0.06),
    "happiness": (0.2, 0.35, 1.0, 0.20, 0.0, 0.0),
    "sadness": (0.3, 0.0, -1.0, 0.35, 0.7, 0.12),
    "surprise": (1.0, 0.95, 0.0, 0.0, 0.0, -0.08),
}
_MOVED = ("brow", "mouth_open", "smile", "blink", "gaze_y", "pitch")
_STILL = ("x", "y", "roll", "yaw", "pitch", "gaze_x", "gaze_y")
_STREAM = 100  # apart from the streams of looks and of ordinary movement
SWAY = 0.06
"""How much of the ordinary movement of the head a take keeps."""


def take_parameters(identity: int, expression: str, take: int, num_frames: int, seed: int = 0) -> np.ndarray:
    """Give the motion parameters of a take.

    Args:
        identity: number of the person, >= 0.
        expression: one of `EXPRESSIONS`.
        take: number of the take, >= 0.
        num_frames: T; onset, apex and offset are spread over them.
        seed: of the whole set.

    Returns:
        (T, 12) float32, columns as in `PARAMETER_NAMES`; frame 0 is neutral.

    Raises:
        ValueError: for an unknown expression or negative numbers.
    """
    if expression not in EXPRESSIONS:
        raise ValueError(f"expression {expression!r} is none of {', '.join(EXPRESSIONS)}")
    if take < 0 or num_frames < 1:
        raise ValueError(f"take must be >= 0 and num_frames >= 1, got {take} and {num_frames}")
    kind = EXPRESSIONS.index(expression)
    words = [seed, identity, take, _STREAM + kind, STREAM_MOTION]
    rng = np.random.default_rng(np.random.SeedSequence(words))
    column = {name: index for index, name in enumerate(PARAMETER_NAMES)}
    parameters = _resting(identity, kind, take, num_frames, seed, column)
    strength = rng.uniform(0.7, 1.0) * _rise(num_frames, rng)  # (T,)
    for name, apex in zip(_MOVED, np.array(_APEX[expression]) * rng.uniform(0.85, 1.1, 6), strict=True):
        parameters[:, column[name]] += strength * apex
    for name, low in (("blink", 0.0), ("mouth_open", 0.0), ("smile", -1.0), ("brow", -1.0), ("gaze_y", -1.0)):
        parameters[:, column[name]] = np.clip(parameters[:, column[name]], low, 1.0)
    return parameters.astype(np.float32)


def _resting(identity: int, kind: int, take: int, num_frames: int, seed: int, column: dict) -> np.ndarray:
    """A neutral face that sways a little: a few per cent of the ordinary movement, from a clip of its own."""
    clip = 10_000 + len(EXPRESSIONS) * take + kind
    usual = parameters_at(identity, clip, np.arange(num_frames), seed).astype(np.float64)
    parameters = np.zeros_like(usual)
    for name in _STILL:
        parameters[:, column[name]] = SWAY * usual[:, column[name]]
    parameters[:, column["scale"]] = 1.0 + SWAY * (usual[:, column["scale"]] - 1.0)
    return parameters


def _rise(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """From 0 to 1 and back: onset and offset are smooth, apex somewhere past the first third."""
    onset, apex, release, end = np.cumsum(rng.uniform([0.02, 0.25, 0.15, 0.25], [0.12, 0.4, 0.3, 0.4]))
    moments = np.linspace(0.0, 1.0, num_frames)
    up = np.clip((moments - onset) / (apex - onset), 0.0, 1.0)
    down = np.clip((moments - release) / (end - release), 0.0, 1.0)
    smooth = lambda share: share * share * (3.0 - 2.0 * share)  # noqa: E731
    return smooth(up) * (1.0 - smooth(down))
