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
_IOU_OF_ONE = 0.1  # two finds in one frame that overlap more are one face, found twice
_MAX_MISSES = 2
_LEAST_SHARE = 0.5  # of the frames looked at: false alarms come and go
_LEAST_FACES = 3


@dataclass
class Track:
    """One face over time.

    Attributes:
        first: number of the first frame.
        stop: number behind the last.
        faces: where it was found.
        num_looks: in how many frames it was looked for.
        misses: in how many of these, at the end, it was not found.
    """

    first: int
    stop: int
    faces: list[Face] = field(default_factory=list)
    num_looks: int = 1
    misses: int = 0

    def is_trusted(self, looks_in_shot: int) -> bool:
        """Say whether the face was found often enough not to be a false alarm."""
        is_steady = len(self.faces) >= _LEAST_SHARE * self.num_looks
        return is_steady and len(self.faces) >= min(_LEAST_FACES, looks_in_shot)


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
    tracks: list[Track] = []
    shot = _Shot()
    boundaries = ShotBoundaries()
    for number, frame in enumerate(frames):
        if splits_shots and boundaries.begins(frame):
            tracks += shot.finish(step)
            shot = _Shot()
        for track in shot.running:
            track.stop = number + 1
        if shot.num_frames % step == 0:
            shot.look(detect(frame), number)
        shot.num_frames += 1
    tracks += shot.finish(step)
    return sorted(tracks, key=lambda track: (track.first, track.faces[0].x))


@dataclass
class _Shot:
    """The tracks of one shot: those that go on and those that are over."""

    running: list[Track] = field(default_factory=list)
    over: list[Track] = field(default_factory=list)
    num_frames: int = 0
    num_looks: int = 0

    def look(self, faces: list[Face], number: int) -> None:
        """Take what was found in frame `number`."""
        self.num_looks += 1
        self.running, ended = _follow(self.running, _distinct(faces), number)
        self.over += ended

    def finish(self, step: int) -> list[Track]:
        """Give the tracks to be trusted, without what they missed at their ends."""
        tracks = [*self.over, *self.running]
        for track in tracks:
            track.stop = max(track.first + 1, track.stop - track.misses * step)
            track.num_looks -= track.misses
        return [track for track in tracks if track.is_trusted(self.num_looks)]


def _distinct(faces: list[Face]) -> list[Face]:
    """Keep the larger of finds that overlap."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.width):
        if all(iou(face, other) <= _IOU_OF_ONE for other in kept):
            kept.append(face)
    return kept


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
