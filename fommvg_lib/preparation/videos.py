"""The recipe of most sets: a video whole, or cut at shots or face tracks, with a fixed box for each clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

from fommvg_lib.crop import CropBox, square_around
from fommvg_lib.faces import detector_name
from fommvg_lib.files import InputError
from fommvg_lib.preparation.boxes import FITS, fit_box
from fommvg_lib.preparation.cuts import find_cuts, shots
from fommvg_lib.preparation.footage import Footage, survey
from fommvg_lib.preparation.manifest import LEFT_OUT, REJECTED_STATUS, Row
from fommvg_lib.preparation.sources import Source
from fommvg_lib.preparation.stretches import MIN_FRAMES, Stretch, divide
from fommvg_lib.preparation.tracks import find_tracks
from fommvg_lib.preparation.writing import ClipForm, clip_path, write_stretches
from fommvg_lib.video_io.folder import FOLDER_FPS, MAX_FPS

FACE = "face"


@dataclass(frozen=True)
class VideoRecipe:
    """How videos become clips.

    Attributes:
        form: how clips are stored.
        crop: "center", "pad" or "stretch" (see `fit_box`), a box in the source's pixels, or "face": a fixed
            square for each face track, the face taking half of its width.
        fps: the clips' rate; None keeps the source's mean.
        folder_fps: the rate that a folder of frames is taken to have.
        length: clips of exactly this many frames, one after the other; None for as long as may be.
        min_frames: shorter clips are left out.
        max_frames: longer ones are divided; None for no limit.
        splits_shots: whether clips end where a shot does.
        min_box: boxes narrower than this many source pixels are left out.
        step: faces are sought in every `step`-th frame.
        one_track: keep only the face track with the most frames.
    """

    form: ClipForm = field(default_factory=ClipForm)
    crop: str | CropBox = "center"
    fps: float | None = None
    folder_fps: float = FOLDER_FPS
    length: int | None = None
    min_frames: int = MIN_FRAMES
    max_frames: int | None = None
    splits_shots: bool = False
    min_box: int = 0
    step: int = 5
    one_track: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        if isinstance(self.crop, str) and self.crop not in (*FITS, FACE):
            raise InputError(f"crop {self.crop!r} is none of {', '.join(FITS)}, {FACE}, X,Y,W,H")
        for name in ("length", "max_frames", "min_frames", "step"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be above 0, {value} was given")
        for name in ("fps", "folder_fps"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= MAX_FPS:
                raise InputError(f"{name} must be above 0 and at most {MAX_FPS}, {value:g} was given")
        if self.min_box < 0:
            raise InputError(f"min_box must be 0 or more, {self.min_box} was given")
        if self.length is not None and self.max_frames is not None:
            raise InputError("length and max_frames contradict each other: give one of them")

    def settings(self) -> dict[str, object]:
        """Say what the clips depend on, besides the sources."""
        detector = {"detector": detector_name()} if self.crop == FACE else {}
        return {"recipe": "videos"} | asdict(self) | detector

    def prepare(self, source: Source, digest: str, out: Path) -> list[Row]:
        """Write a source's clips; give the rows of the manifest.

        Raises:
            InputError: if the source cannot be read.
            RunError: if the output cannot be written.
        """
        footage = survey(source.path, self.fps, self.folder_fps)
        return write_rows(source, digest, footage, self.cut(source, footage), self.form, out)

    def cut(self, source: Source, footage: Footage) -> list[Stretch]:
        """Say which stretches of a source become clips; every frame is in one, or in one that is left out."""
        if self.crop == FACE:
            return self._cut_at_tracks(source, footage)
        box = self.crop
        if isinstance(box, str):
            box = fit_box(box, footage.height, footage.width)
        elif box.x + box.width > footage.width or box.y + box.height > footage.height:
            size = f"{footage.width} x {footage.height}"
            raise InputError(f"{source.path}: the crop reaches outside its frames of {size} pixels")
        cuts = find_cuts(footage.frames()) if self.splits_shots else []
        numbers = count()
        return [
            stretch
            for first, stop in shots(cuts, len(footage))
            for stretch in self.pieces(source, numbers, first, stop, box)
        ]

    def pieces(self, source: Source, numbers: count, first: int, stop: int, box: CropBox) -> list[Stretch]:
        """Divide frames `first` to `stop` into clips of the length asked for, numbered on from `numbers`."""
        if max(box.width, box.height) < self.min_box:
            small = f"the box is {box.width} pixels wide, at least {self.min_box} are needed"
            return [Stretch(first, stop, reason=small)]
        kept, left = divide(first, stop, self.length, self.min_frames, self.max_frames)
        return [*(Stretch(a, b, numbered(source, next(numbers)), box) for a, b in kept), *left]

    def _cut_at_tracks(self, source: Source, footage: Footage) -> list[Stretch]:
        tracks = find_tracks(footage.frames(), self.step, self.splits_shots)
        if self.one_track and tracks:
            tracks = [max(tracks, key=lambda track: (track.stop - track.first, track.faces[0].width))]
        numbers, stretches = count(), []
        for track in tracks:
            box = square_around(track.faces, footage.height, footage.width)
            stretches += self.pieces(source, numbers, track.first, track.stop, box)
        followed = [(track.first, track.stop) for track in tracks]
        return [*stretches, *uncovered(followed, len(footage), "no face is followed here")]


def numbered(source: Source, number: int) -> str:
    """Name a source's clip by its number."""
    return f"{source.name}#{number:03d}"


def uncovered(covered: Iterable[tuple[int, int]], num_frames: int, reason: str) -> list[Stretch]:
    """Give what lies outside of stretches (first, stop), as left out for `reason`."""
    left, reached = [], 0
    for first, stop in [*sorted(covered), (num_frames, num_frames)]:
        if first > reached:
            left.append(Stretch(reached, first, reason=reason))
        reached = max(reached, stop)
    return left


def write_rows(
    source: Source, digest: str, footage: Footage, stretches: Sequence[Stretch], form: ClipForm, out: Path
) -> list[Row]:
    """Write the clips of a source and account for all its stretches.

    Raises:
        RunError: if the output cannot be written.
    """
    faults = write_stretches(footage, stretches, lambda s: clip_path(out, source.split, s.name), form)
    return [_row(source, digest, footage, stretch, faults, out) for stretch in stretches]


def _row(
    source: Source, digest: str, footage: Footage, stretch: Stretch, faults: dict[str, str], out: Path
) -> Row:
    fault = faults.get(stretch.name) if stretch.reason is None else None
    facts = {
        "source": source.key,
        "hash": digest,
        "split": source.split,
        "start": f"{float(stretch.first / footage.rate):.3f}",
        "end": f"{float(stretch.stop / footage.rate):.3f}",
        "fps": f"{float(footage.rate):.6g}",
        "frames": str(len(stretch)),
        "source_frames": str(footage.num_different(stretch.first, stretch.stop)),
    }
    if stretch.reason is not None:
        return Row(clip="", status=LEFT_OUT, reason=stretch.reason, **facts)
    box = stretch.box
    facts["box"] = f"{box.x} {box.y} {box.width} {box.height}"
    if fault is not None:
        return Row(clip="", status=REJECTED_STATUS, reason=fault, **facts)
    clip = clip_path(out, source.split, stretch.name).relative_to(out).as_posix()
    return Row(clip=clip, **facts)
