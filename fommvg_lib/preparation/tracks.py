"""Face tracks: stretches of a video in which one face stays about where it first was.

As in the crop helper of the First Order Motion Model's public release, a track goes on while the face
overlaps with its *first* box (intersection over union above 0.25), so one fixed square can hold the head all
along. New here: several faces have tracks of their own, faces are sought in every few frames only, a detector
that misses a face once or twice does not end its track, and a new shot does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from fommvg_lib.faces import Face, find_faces
from fommvg_lib.preparation.cuts import ShotBoundaries

IOU_WITH_FIRST = 0.25
_MAX_MISSES = 2
_LEAST_SHARE = 0.5  # of the frames looked at: false alarms come and go


@dataclass
class Track:
    """One face over time.

    Attributes:
        first: number of the first frame.
        stop: number behind the last.
        faces: where it was found.
    """

    first: int
    stop: int
    faces: list[Face] = field(default_factory=list)
    num_looks: int = 1
    misses: int = 0

    @property
    def is_trusted(self) -> bool:
        """Whether the face was found in at least half of the frames looked at."""
        return len(self.faces) >= _LEAST_SHARE * self.num_looks


def iou(one: Face, other: Face) -> float:
    """Give intersection over union of two squares, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.width, other.y + other.width) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (one.width**2 + other.width**2 - common)


def find_tracks(
    frames: Iterable[np.ndarray],
    step: int = 5,
    splits_shots: bool = True,
    detect: Callable[[np.ndarray], list[Face]] = find_faces,
) -> list[Track]:
    """Find the tracks of all faces, in order of their first frame, then from the left.

    Args:
        frames: uint8 (H, W, 3) each, read once.
        step: faces are sought in every `step`-th frame, and in the first of a shot.
        splits_shots: end all tracks where a new shot begins.
        detect: gives the faces of a frame.
    """
    running: list[Track] = []
    ended: list[Track] = []
    boundaries, since = ShotBoundaries(), 0
    for number, frame in enumerate(frames):
        if splits_shots and boundaries.begins(frame):
            ended += running
            running, since = [], 0
        for track in running:
            track.stop = number + 1
        if since % step == 0:
            running, over = _follow(running, detect(frame), number)
            ended += over
        since += 1
    for track in [*ended, *running]:
        track.stop = max(track.first + 1, track.stop - track.misses * step)
        track.num_looks -= track.misses
    return sorted((t for t in [*ended, *running] if t.is_trusted), key=lambda t: (t.first, t.faces[0].x))


def _follow(running: list[Track], faces: list[Face], number: int) -> tuple[list[Track], list[Track]]:
    """Give each track the face that overlaps most with its first; faces left over begin tracks."""
    free = list(faces)
    for track in sorted(running, key=lambda track: track.first):
        track.num_looks += 1
        best = max(free, key=lambda face: iou(track.faces[0], face), default=None)
        if best is not None and iou(track.faces[0], best) > IOU_WITH_FIRST:
            track.faces.append(best)
            track.misses = 0
            free.remove(best)
        else:
            track.misses += 1
    over = [track for track in running if track.misses > _MAX_MISSES]
    kept = [track for track in running if track.misses <= _MAX_MISSES]
    return [*kept, *(Track(number, number + 1, [face]) for face in free)], over
