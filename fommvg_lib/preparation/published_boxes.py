"""Published tables of clips: which seconds of which video, and the box around the subject.

The form of the First Order Motion Model's releases: CSV with the columns `video_id, start, end, bbox, fps,
width, height, partition`, and for VoxCeleb `person_id`. `start` and `end` count frames at `fps`; `bbox` is
left-top-right-bottom in a picture of `width` x `height`. A video of another rate or size is cut at the same
seconds and the same place. New here: a box is grown to a square, which the releases squeeze it into.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fommvg_lib.crop import CropBox
from fommvg_lib.files import InputError
from fommvg_lib.preparation.boxes import square_of
from fommvg_lib.preparation.footage import Footage
from fommvg_lib.preparation.sources import Source, safe_name
from fommvg_lib.preparation.stretches import Stretch
from fommvg_lib.preparation.videos import VideoRecipe

COLUMNS = ("video_id", "start", "end", "bbox", "fps", "width", "height", "partition")
PARTITIONS = ("train", "test", "val")


@dataclass(frozen=True)
class PublishedClip:
    """One row of a table; attributes as its columns, the box as (left, top, right, bottom)."""

    video_id: str
    start: int
    end: int
    bbox: tuple[int, int, int, int]
    fps: Fraction
    width: int
    height: int
    partition: str
    person_id: str = ""

    @property
    def name(self) -> str:
        """Name of the source: "<person>#<video>", or the video alone."""
        video = self.video_id.partition("#")[0]
        return safe_name(f"{self.person_id}#{video}" if self.person_id else video)

    @property
    def clip(self) -> str:
        """Name of the clip as the releases have it: source, start and end with six digits."""
        return f"{self.name}#{self.start:06d}#{self.end:06d}"


def read_table(path: str | Path) -> list[PublishedClip]:
    """Read a table of clips.

    Raises:
        InputError: naming the file and the line where something is missing, no number, or makes no sense.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: line 1 is no header of a table of clips, it lacks {missing[0]}")
            return [_read_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error


def _read_row(path: Path, line: int, row: dict[str, str]) -> PublishedClip:
    try:
        left, top, right, bottom = (int(part) for part in row["bbox"].split("-"))
        clip = PublishedClip(
            row["video_id"].strip(),
            int(row["start"]),
            int(row["end"]),
            (left, top, right, bottom),
            Fraction(row["fps"]).limit_denominator(1001),
            int(row["width"]),
            int(row["height"]),
            row["partition"].strip(),
            (row.get("person_id") or "").strip(),
        )
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise InputError(f"{path}: line {line} cannot be understood ({error})") from error
    fault = _fault_of(clip)
    if fault:
        raise InputError(f"{path}: line {line} {fault}")
    return clip


def _fault_of(clip: PublishedClip) -> str | None:
    left, top, right, bottom = clip.bbox
    if not clip.video_id:
        return "names no video"
    if not 0 <= clip.start < clip.end:
        return f"goes from frame {clip.start} to {clip.end}"
    if clip.fps <= 0 or clip.width < 1 or clip.height < 1:
        return f"states a picture of {clip.width} x {clip.height} at {float(clip.fps):g} frames a second"
    if not (left < right and top < bottom and left < clip.width and top < clip.height):
        return f"has the box {'-'.join(map(str, clip.bbox))} in {clip.width} x {clip.height} pixels"
    if clip.partition not in PARTITIONS:
        return f"has the partition {clip.partition!r}, none of {', '.join(PARTITIONS)}"
    return None


@dataclass(frozen=True)
class PublishedBoxes(VideoRecipe):
    """Cuts the clips of `source.detail`, a tuple of `PublishedClip`s.

    Attributes:
        boxes: "square", or "stretch" for what the releases do: any box is squeezed into a square.
    """

    boxes: str = "square"

    def cut(self, source: Source, footage: Footage) -> list[Stretch]:
        """Give each clip's stretch; one that the video is too short for is left out."""
        return [self._stretch(clip, footage) for clip in source.detail]

    def _stretch(self, clip: PublishedClip, footage: Footage) -> Stretch:
        first = math.ceil(clip.start * footage.rate / clip.fps)
        stop = math.ceil(clip.end * footage.rate / clip.fps)
        if stop == len(footage) + 1:
            stop -= 1  # rates are rounded in the tables
        if stop > len(footage):
            there = f"the video has {len(footage)} frames"
            return Stretch(first, stop, reason=f"{clip.clip} ends at frame {stop}, {there}")
        if stop - first < self.min_frames:
            return Stretch(first, stop, reason=f"{clip.clip} has {stop - first} frames")
        box = self._box(clip, footage)
        if box.width < self.min_box:
            return Stretch(first, stop, reason=f"{clip.clip}: the box is {box.width} pixels wide")
        return Stretch(first, stop, clip.clip, box)

    def _box(self, clip: PublishedClip, footage: Footage) -> CropBox:
        across, down = footage.width / clip.width, footage.height / clip.height
        left, right = int(clip.bbox[0] * across), min(int(clip.bbox[2] * across), footage.width)
        top, bottom = int(clip.bbox[1] * down), min(int(clip.bbox[3] * down), footage.height)
        box = CropBox(left, top, max(1, right - left), max(1, bottom - top))
        return box if self.boxes == "stretch" else square_of(box, footage.height, footage.width)
