"""Ground truth of a rendered frame: where the landmarks are, and which are hidden."""

from __future__ import annotations

import numpy as np

from fommvg_lib.synthetic.anatomy import LANDMARK_NAMES, Anatomy

GAZE_REACH = 0.42  # how far the pupil goes from the eye's middle, as a share of the eye's half size
_OPEN_ENOUGH = 0.5


def pupil_offset(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """Give the pupil's place (n,), (n,) in its eye's patch, head units."""
    look = anatomy.look
    x = GAZE_REACH * look["eye_width"] * anatomy["gaze_x"]
    return x, GAZE_REACH * look["eye_height"] * anatomy["gaze_y"] * 0.8


def find_landmarks(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """Give the landmarks of n heads.

    Returns:
        (n, L, 2) float32 in [-1, 1] xy, in the order of `LANDMARK_NAMES`, and (n, L) bool: inside the picture
        and neither turned away nor covered (pupils by the lids, ears by hair, face or picture edge).
    """
    places, seen = {}, {}
    for side, name in ((-1, "left"), (1, "right")):
        _eye_landmarks(anatomy, side, name, places, seen)
        places[f"{name}_brow"] = anatomy.brow(side).centre
        seen[f"{name}_brow"] = anatomy.brow(side).facing > 0.1
        places[f"{name}_ear"] = anatomy.ear(side)
        has_free_ear = (anatomy.look["hair_long"] == 0) & (anatomy.look["hair_curl"] == 0)
        seen[f"{name}_ear"] = has_free_ear & (anatomy.ear_depth(side) > -0.30)
        middle, height = anatomy.body()
        reach = 0.8 * anatomy.look["shoulder_width"]
        places[f"{name}_shoulder"] = np.stack([middle + side * reach, height + 0.24 * 0.8**4], axis=-1)
    _mouth_landmarks(anatomy, places, seen)
    places["nose_tip"] = anatomy.nose().centre
    places["chin"] = _in_head_plane(anatomy, anatomy.chin_shift(), anatomy.jaw_drop())
    places["head_top"] = _crown(anatomy)
    points = np.stack([places[name] for name in LANDMARK_NAMES], axis=1).astype(np.float32)  # (n, L, 2)
    shown = np.ones(len(points), dtype=bool)
    visibility = np.stack([seen.get(name, shown) for name in LANDMARK_NAMES], axis=1)
    return points, visibility & (np.abs(points) <= 1.0).all(axis=-1)


def _in_head_plane(anatomy: Anatomy, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return anatomy.centre + np.einsum(
        "nij,nj->ni", anatomy.plane, np.stack(np.broadcast_arrays(x, y), axis=-1)
    )


def _crown(anatomy: Anatomy) -> np.ndarray:
    """The top of the hair, whose cap goes back when the face turns; of bald heads the outline's top."""
    hair = anatomy.look["hair_volume"]
    has_hair = (hair > 0).astype(np.float32)
    top = -1.0 - has_hair * (hair + 0.08 * anatomy.sin_pitch)
    return _in_head_plane(anatomy, -0.12 * has_hair * anatomy.sin_yaw, top)


def _eye_landmarks(anatomy: Anatomy, side: int, name: str, places: dict, seen: dict) -> None:
    eye, width = anatomy.eye(side), anatomy.look["eye_width"]
    places[f"{name}_eye"] = eye.centre
    places[f"{name}_eye_outer"] = eye.at(side * width, 0.0 * width)
    places[f"{name}_eye_inner"] = eye.at(-side * width, 0.0 * width)
    places[f"{name}_pupil"] = eye.at(*pupil_offset(anatomy))
    facing = eye.facing > 0.1
    seen.update({f"{name}_eye{part}": facing for part in ("", "_outer", "_inner")})
    seen[f"{name}_pupil"] = facing & (anatomy["blink"] < _OPEN_ENOUGH)


def _mouth_landmarks(anatomy: Anatomy, places: dict, seen: dict) -> None:
    mouth = anatomy.mouth()
    width, bend, upper, lower = anatomy.mouth_shape()
    places["mouth_left"] = mouth.at(-width, -bend / 2)
    places["mouth_right"] = mouth.at(width, -bend / 2)
    places["mouth_top"] = mouth.at(0 * width, bend / 2 - upper)
    places["mouth_bottom"] = mouth.at(0 * width, bend / 2 + lower)
    for part in ("left", "right", "top", "bottom"):
        seen[f"mouth_{part}"] = mouth.facing > 0.1
