"""VoxCeleb's own annotations: where the speaker's face is in every frame of every utterance.

Text files `idNNNNN/<video>/<utterance>.txt`: some lines `Name : value`, then a header `FRAME X Y W H` and a
line for each frame at 25 frames a second. Boxes are in pixels of a picture 360 high (VoxCeleb1) or in
shares of width and height (VoxCeleb2). An utterance is divided where the face no longer overlaps with its
first box, as face tracks are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fommvg_lib.crop import square_around
from fommvg_lib.faces import Face
from fommvg_lib.files import InputError
from fommvg_lib.preparation.footage import Footage
from fommvg_lib.preparation.sources import Source
from fommvg_lib.preparation.stretches import Stretch
from fommvg_lib.preparation.tracks import IOU_WITH_FIRST, iou
from fommvg_lib.preparation.videos import VideoRecipe

FPS = 25
REFERENCE_HEIGHT = 360
_HEADER = ("FRAME", "X", "Y", "W", "H")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Utterance:
    """A stretch in which somebody speaks.

    Attributes:
        name: of the file, without ending.
        first: number of the first frame at 25 frames a second.
        boxes: (x, y, width, height) of each frame.
        are_shares: whether boxes are in shares of the picture, else in pixels of one 360 high.
    """

    name: str
    first: int
    boxes: tuple[Box, ...]
    are_shares: bool

    def faces(self, height: int, width: int) -> list[Face]:
        """Give the boxes as squares in a picture's pixels."""
        across, down = (width, height) if self.are_shares else (height / REFERENCE_HEIGHT,) * 2
        faces = []
        for x, y, w, h in self.boxes:
            side = (w * across + h * down) / 2
            faces.append(
                Face(
                    round((x + w / 2) * across - side / 2), round((y + h / 2) * down - side / 2), round(side)
                )
            )
        return faces


def read_utterance(path: Path) -> Utterance:
    """Read one text file.

    Raises:
        InputError: naming the file and the line where it has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    begin = next((n for n, line in enumerate(lines) if tuple(line.split()) == _HEADER), None)
    if begin is None:
        raise InputError(f"{path}: has no line {' '.join(_HEADER)}")
    rows = [_read_row(path, n, line) for n, line in enumerate(lines[begin + 1 :], begin + 2) if line.strip()]
    if not rows:
        raise InputError(f"{path}: has no frame below its header")
    numbers = [number for number, _ in rows]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise InputError(f"{path}: its frames do not follow one another")
    boxes = tuple(box for _, box in rows)
    return Utterance(path.stem, numbers[0], boxes, max(max(box) for box in boxes) <= 2)


def _read_row(path: Path, line: int, text: str) -> tuple[int, Box]:
    try:
        number, x, y, w, h = text.split()
        box = (float(x), float(y), float(w), float(h))
        if int(number) < 0 or not all(map(math.isfinite, box)) or box[2] <= 0 or box[3] <= 0:
            raise ValueError("a number is out of range")
        return int(number), box
    except ValueError as error:
        raise InputError(f"{path}: line {line} is not `frame x y w h` ({error})") from error


@dataclass(frozen=True)
class AnnotatedRecipe(VideoRecipe):
    """Cuts the utterances of `source.detail`, paths of text files."""

    def cut(self, source: Source, footage: Footage) -> list[Stretch]:
        """Give a stretch for each utterance, or several where the face moves on."""
        return [
            stretch
            for path in source.detail
            for stretch in self._cut_utterance(source, read_utterance(path), footage)
        ]

    def _cut_utterance(self, source: Source, utterance: Utterance, footage: Footage) -> Iterator[Stretch]:
        step = Fraction(footage.rate) / FPS
        for part, (begin, faces) in enumerate(_divide(utterance.faces(footage.height, footage.width))):
            first = math.ceil((utterance.first + begin) * step)
            stop = math.ceil((utterance.first + begin + len(faces)) * step)
            name = f"{source.name}#{utterance.name}#{part:03d}"
            box = square_around(faces, footage.height, footage.width)
            reason = None
            if stop > len(footage):
                reason = f"{name} ends at frame {stop}, the video has {len(footage)}"
            elif stop - first < self.min_frames:
                reason = f"{name} has {stop - first} frames, at least {self.min_frames} are needed"
            elif box.width < self.min_box:
                reason = f"{name}: the box is {box.width} pixels wide, at least {self.min_box} are needed"
            if reason is not None:
                yield Stretch(first, stop, reason=reason)
            else:
                yield Stretch(first, stop, name, box)


def _divide(faces: list[Face]) -> Iterator[tuple[int, list[Face]]]:
    """Yield (place of the first, faces) for each run of faces that overlap with their first."""
    begin = 0
    for place in range(1, len(faces) + 1):
        if place == len(faces) or iou(faces[begin], faces[place]) <= IOU_WITH_FIRST:
            yield begin, faces[begin:place]
            begin = place
