"""How a cartoon head moves: twelve smooth, stochastic tracks at 25 frames a second.

Head pose, gaze, brow and smile follow targets that are held for a random time and then jump; two one-pole
low-pass filters in a row make the jumps smooth (an Ornstein-Uhlenbeck process driven by a telegraph signal
instead of white noise). Speech comes in bursts of syllables, blinks are events. All of it is causal and drawn
in fixed blocks from `SeedSequence([seed, identity, clip, stream, block])`: a longer clip begins with the
shorter one.

Units: x, y in picture units ([-1, 1] over the picture), scale a factor, angles in radians (roll clockwise,
yaw to the picture's right, pitch downwards), others in [0, 1] or [-1, 1] as listed in `PARAMETER_NAMES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

PARAMETER_NAMES = (
    "x",  # displacement to the right, about +-0.25
    "y",  # displacement downwards, about +-0.12
    "scale",  # about 0.88 to 1.13
    "roll",  # about +-0.26 rad
    "yaw",  # about +-0.5 rad
    "pitch",  # about +-0.3 rad
    "blink",  # 0 open to 1 closed
    "gaze_x",  # -1 to 1, to the right
    "gaze_y",  # -1 to 1, downwards
    "brow",  # -1 lowered to 1 raised
    "mouth_open",  # 0 to 1
    "smile",  # -1 frown to 1 smile
)
TRACK_FPS = 25
BLOCK = 128
STREAM_LOOK, STREAM_MOTION = 0, 1

# Of each filtered track: lower and upper target, jumps per second, time constant of each pole in seconds.
_TRACKS = {
    "x": (-0.25, 0.25, 1.2, 0.16),
    "y": (-0.12, 0.12, 1.0, 0.16),
    "scale": (-0.13, 0.13, 0.8, 0.20),  # its logarithm
    "roll": (-0.26, 0.26, 1.2, 0.14),
    "yaw": (-0.50, 0.50, 1.3, 0.14),
    "pitch": (-0.30, 0.30, 1.2, 0.14),
    "gaze_x": (-0.9, 0.9, 1.5, 0.035),
    "gaze_y": (-0.7, 0.7, 1.2, 0.035),
    "brow": (-0.6, 0.9, 0.9, 0.07),
    "smile": (-0.3, 1.0, 0.6, 0.14),
    "talk": (-0.9, 1.5, 0.9, 0.06),  # above 0 the head talks
    "rate": (2.2, 3.6, 2.0, 0.06),  # syllables per second
    "loudness": (0.45, 1.0, 4.0, 0.05),
}
_LOW, _HIGH, _JUMPS, _TAU = np.array(list(_TRACKS.values()), dtype=np.float64).T
_STEP = 1.0 - np.exp(-1.0 / (_TAU * TRACK_FPS))
_NAMES = tuple(_TRACKS)
_BLINKS_PER_SECOND = 0.5
_BLINK_SHAPE = np.array([0.5, 1.0, 1.0, 0.6, 0.25])


@dataclass(frozen=True)
class _Block:
    """`parameters` (BLOCK, P) of one block, and what the next block starts from."""

    parameters: np.ndarray
    target: np.ndarray
    poles: np.ndarray
    phase: float
    blinks: np.ndarray


def parameters_at(identity: int, clip: int, frames: np.ndarray, seed: int = 0, fps: float = 25) -> np.ndarray:
    """Give the motion parameters of some frames of a clip.

    Args:
        identity: number of the person, >= 0.
        clip: number of the clip, >= 0.
        frames: (n,) frame numbers >= 0, in any order.
        seed: seed of the whole set, >= 0.
        fps: frames per second; the tracks exist at 25 and are interpolated linearly for other rates.

    Returns:
        (n, P) float32, columns as in `PARAMETER_NAMES`.

    Raises:
        ValueError: for a negative number or a rate that is not above 0.
    """
    frames = np.asarray(frames, dtype=np.int64)
    if min(identity, clip, seed) < 0 or (frames.size and frames.min() < 0) or not fps > 0:
        raise ValueError("identity, clip, frames and seed must be >= 0 and fps > 0")
    times = frames * (TRACK_FPS / fps)
    before = np.floor(times + 1e-9).astype(np.int64)
    share = np.maximum(times - before, 0.0)[:, None]
    last = int(before.max(initial=0)) + 1
    tracks = np.concatenate(
        [_block(seed, identity, clip, b).parameters for b in range(last // BLOCK + 1)]
    )  # (blocks * BLOCK, P)
    return ((1.0 - share) * tracks[before] + share * tracks[before + 1]).astype(np.float32)


@lru_cache(maxsize=4096)
def _block(seed: int, identity: int, clip: int, index: int) -> _Block:
    rng = np.random.default_rng(np.random.SeedSequence([seed, identity, clip, STREAM_MOTION, index]))
    candidates = rng.uniform(_LOW, _HIGH, (BLOCK, len(_LOW)))
    jumps = rng.random((BLOCK, len(_LOW))) < _JUMPS / TRACK_FPS
    tremor = rng.normal(0.0, 0.06, (BLOCK, len(_LOW))) * (_HIGH - _LOW)
    blinks = rng.random(BLOCK) < _BLINKS_PER_SECOND / TRACK_FPS
    if index == 0:
        earlier_blinks = np.zeros(len(_BLINK_SHAPE) - 1, dtype=bool)
        target, phase = candidates[0], float(rng.uniform(0, 2 * np.pi))
        poles = np.stack([target, target])
    else:
        earlier = _block(seed, identity, clip, index - 1)
        target, poles, phase, earlier_blinks = earlier.target, earlier.poles, earlier.phase, earlier.blinks
    tracks, target, poles = _follow(np.where(jumps, candidates, np.nan), tremor, target, poles)
    named = dict(zip(_NAMES, tracks.T, strict=True))
    phases = phase + np.cumsum(2 * np.pi * named["rate"] / TRACK_FPS)
    all_blinks = np.concatenate([earlier_blinks, blinks])
    parameters = _combine(named, phases, _blink_track(all_blinks))
    return _Block(parameters, target, poles, float(phases[-1]), all_blinks[-len(earlier_blinks) :])


def _follow(
    jumps: np.ndarray, tremor: np.ndarray, target: np.ndarray, poles: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low-pass the held targets twice; `jumps` (BLOCK, tracks) is NaN where the target is held."""
    tracks = np.empty_like(jumps)
    first, second = poles
    for t, jump in enumerate(jumps):
        target = np.where(np.isnan(jump), target, jump)
        first = first + _STEP * (target + tremor[t] - first)
        second = second + _STEP * (first - second)
        tracks[t] = second
    return tracks, target, np.stack([first, second])


def _blink_track(events: np.ndarray) -> np.ndarray:
    """Put a blink after each event; `events` begins with those just before the block."""
    length = len(events) - len(_BLINK_SHAPE) + 1
    delayed = [height * events[len(_BLINK_SHAPE) - 1 - k :][:length] for k, height in enumerate(_BLINK_SHAPE)]
    return np.max(delayed, axis=0)


def _combine(named: dict[str, np.ndarray], phases: np.ndarray, blink: np.ndarray) -> np.ndarray:
    talk = np.clip(named["talk"], 0.0, 1.0)
    syllable = talk * np.clip(named["loudness"], 0.0, 1.0) * (0.5 - 0.5 * np.cos(phases))
    columns = {
        "x": named["x"],
        "y": named["y"],
        "scale": np.exp(named["scale"]),
        "roll": named["roll"],
        "yaw": named["yaw"],
        "pitch": named["pitch"] + 0.05 * talk * np.sin(phases / 2),  # a talking head nods along
        "blink": blink,
        "gaze_x": np.clip(named["gaze_x"], -1.0, 1.0),
        "gaze_y": np.clip(named["gaze_y"], -1.0, 1.0),
        "brow": np.clip(named["brow"] + 0.3 * syllable, -1.0, 1.0),
        "mouth_open": np.clip(syllable, 0.0, 1.0),
        "smile": np.clip(named["smile"], -1.0, 1.0),
    }
    return np.stack([columns[name] for name in PARAMETER_NAMES], axis=1)
