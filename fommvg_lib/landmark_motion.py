"""The heads' ground truth as a motion set: motion that needs no frame generator, for experiments.

K = 23 points (`TRACK_NAMES`), no Jacobians, 25 frames a second. It is made in seconds, it is free of a
keypoint detector's noise, and blinks and speech can be read off it exactly (`metrics.face`).
"""

from __future__ import annotations

import torch

from fommvg_lib.clips.interface import check_split
from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip
from fommvg_lib.synthetic import identities
from fommvg_lib.synthetic.tracks import TRACK_NAMES, point_tracks

LANDMARK_FPS = 25.0
LANDMARK_SOURCE = "synthetic landmarks"
"""Stands where other motion names its frame generator: motion generators of either are not mixed up."""
_PICTURE = 256  # nominal frame size; no point depends on it


def landmark_motion(
    split: str, num_identities: int, clips_per_identity: int = 1, num_frames: int = 128, seed: int = 0
) -> list[MotionClip]:
    """Make the landmark motion of synthetic heads.

    Args:
        split: "train" (800 identities) or "test" (200 others).
        num_identities: the first so many of the split.
        clips_per_identity: clips of each, number 0 on.
        num_frames: T of each clip.
        seed: of the heads.

    Returns:
        Clips (T, 23, 2) named "<identity>#<clip>", as `clips.interface.identity_of` reads them.

    Raises:
        InputError: for an unknown split, or more identities than it has.
    """
    if check_split(split) == "all":
        raise InputError("landmark motion is of the train or the test split, not of all")
    people = identities(split)
    if not 1 <= num_identities <= len(people):
        raise InputError(
            f"the synthetic {split} split has {len(people)} identities, {num_identities} were asked for"
        )
    if clips_per_identity < 1 or num_frames < 1:
        raise InputError("landmark motion needs clips_per_identity >= 1 and num_frames >= 1")
    made = []
    for person in people[:num_identities]:
        for clip in range(clips_per_identity):
            points = torch.from_numpy(point_tracks(person, clip, num_frames, seed, LANDMARK_FPS)[0])
            name = f"{person:04d}#{clip:03d}"
            size = (_PICTURE, _PICTURE)
            made.append(MotionClip(Motion(points), LANDMARK_FPS, size, name, "", LANDMARK_SOURCE))
    return made


def is_landmark_motion(weights_hash: str, num_kp: int) -> bool:
    """Say whether motion is that of `landmark_motion`, of which blinks and speech can be read."""
    return weights_hash == LANDMARK_SOURCE and num_kp == len(TRACK_NAMES)
