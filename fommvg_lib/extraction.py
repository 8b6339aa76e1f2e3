"""Motion of many clips: one file for each, made once, mirroring the folder tree.

Re-running does only what is missing or whose clip has changed. A clip that cannot be read is listed in
`rejected.csv` with its reason and the work goes on; shards share nothing but the output folder, so any number
may run at the same time. Clips are decoded in a thread, ahead of the keypoint detector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fommvg_lib.clips.layout import clip_name, is_strip
from fommvg_lib.clips.reading import StripReader
from fommvg_lib.crop import CropBox, apply_crop, find_crop
from fommvg_lib.files import InputError, remove_leftovers_of, sha256
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import extract_motion
from fommvg_lib.motion_files import SUFFIX, MotionClip, load_motion, save_motion
from fommvg_lib.motion_shards import ShardRecord, record_name, rejected_name
from fommvg_lib.prefetch import prefetch
from fommvg_lib.shards import write_record
from fommvg_lib.tables import write_rejected
from fommvg_lib.video_io import probe, read_frames, resize_image
from fommvg_lib.video_io.folder import hash_clip, holds_rows, is_frame_folder, num_in_row
from fommvg_lib.video_io.probe import CLIP_SUFFIXES

_BATCHES_AHEAD = 2


@dataclass
class ExtractionResult:
    """What became of each clip: written, already there, or rejected with a reason."""

    written: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)


def find_clips(root: str | Path) -> list[Path]:
    """List the clips under a folder: video files, gifs, folders of frames and rows; or the one file given.

    Names that begin with a dot are passed over, pictures beside videos that are no rows of square frames, and
    links to folders that lead back upwards.

    Raises:
        InputError: if there is none.
    """
    root = Path(root)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    if root.is_file() or _is_one_clip(root):
        return [root]
    clips = sorted(_clips_below(root, (root.resolve(),)))
    if not clips:
        raise InputError(f"{root}: holds no video, gif or folder of frames")
    return clips


def _clips_below(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    has_rows = holds_rows(folder)
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            if path.suffix.lower() in CLIP_SUFFIXES or (has_rows and is_strip(path)):
                yield path  # a link that leads nowhere is a clip too: one that will be rejected
            continue
        if (real := path.resolve()) in above:
            continue
        if _is_one_clip(path):
            yield path
        yield from _clips_below(path, (*above, real))


def _is_one_clip(folder: Path) -> bool:
    """Say whether a folder's pictures are frames of a clip, and not posters beside videos, or rows."""
    has_videos = any(_is_video(path) for path in folder.iterdir())
    return is_frame_folder(folder) and not has_videos and not holds_rows(folder)


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in CLIP_SUFFIXES and not path.is_dir() and not path.name.startswith(".")


def clip_squares(path: Path, size: int, crop: str | CropBox = "center") -> Iterator[np.ndarray]:
    """Stream a clip's squares, uint8 (size, size, 3); one box for the whole clip."""
    box = None
    for frame in StripReader(path) if _is_row(path) else read_frames(path):
        box = box or find_crop(frame, crop)[0]
        square = apply_crop(frame, box)
        yield square if square.shape[:2] == (size, size) else resize_image(square, (size, size))


def _is_row(path: Path) -> bool:
    return is_strip(path) and num_in_row(path) > 1


def extract_folder(
    model: FrameGenerator,
    videos: str | Path,
    out: str | Path,
    batch: int = 16,
    shard: tuple[int, int] = (0, 1),
    overwrite: bool = False,
    show=iter,
) -> ExtractionResult:
    """Extract the motion of all clips under a folder.

    Args:
        model: the frame generator; its hash is noted in every file.
        videos: a folder (its tree is mirrored) or one clip.
        out: where the `.safetensors` motion files go.
        batch: frames through the detector at once.
        shard: (I, N): do every N-th clip from the I-th; `motion_shards.merge_shards` joins them.
        overwrite: make files again that are there; without, one made by other weights is an error.
        show: wraps the list of clips, for a progress bar.

    Returns:
        What became of each clip.

    Raises:
        InputError: if there are no clips, or every one was rejected (of a shard that is no error: the others
            may have better ones), or a file that is there was made by other weights.
    """
    root, out = Path(videos), Path(out)
    clips = find_clips(root)
    work = _plan(root, out, clips)[shard[0] :: shard[1]]
    listed, recorded = out / rejected_name(shard), out / record_name(*shard)
    remove_leftovers_of([*(item.target for item in work), listed, recorded])
    if recorded.exists():
        recorded.unlink()  # until this shard is finished again
    result = ExtractionResult(rejected={item.inside: item.reason for item in work if item.reason})
    todo = []
    for item in work:
        if not overwrite and not item.reason and _is_done(item, model):
            result.present.append(item.target)
        elif not item.reason:
            todo.append(item)
    _extract_all(model, todo, batch, result, show)
    if clips == [root] and result.rejected:
        raise InputError(result.rejected[work[0].inside])
    result.rejected = {i.inside: result.rejected[i.inside] for i in work if i.inside in result.rejected}
    write_rejected(listed, result.rejected)
    if shard[1] > 1:
        _record(out, shard, len(clips), model.weights_hash, result)
    elif len(result.rejected) == len(work):
        raise InputError(f"{root}: none of its {len(work)} clips could be read, see {listed}")
    return result


@dataclass(frozen=True)
class _Work:
    """A clip, its path below the folder, its motion file, and why it cannot have one."""

    path: Path
    inside: str
    target: Path
    reason: str = ""


def _plan(root: Path, out: Path, clips: Sequence[Path]) -> list[_Work]:
    work, taken = [], {}
    for path in clips:
        inside = path.relative_to(root) if path != root else Path(path.name)
        target = out / inside.parent / f"{clip_name(inside)}{SUFFIX}"
        first = taken.setdefault(target, path)
        reason = "" if first is path else f"{path}: its motion file would be that of {first.name}; rename one"
        work.append(_Work(path, inside.as_posix(), target, reason))
    return work


def _is_done(item: _Work, model: FrameGenerator) -> bool:
    """Say whether a clip's motion file is there; it is not if the clip was changed since."""
    if not item.target.exists():
        return False
    there = load_motion(item.target)
    if there.weights_hash != model.weights_hash:
        raise InputError(
            f"{item.target}: holds motion of frame generator {there.weights_hash[:12]}, these weights are "
            f"{model.weights_hash[:12]}: choose another --out, or --overwrite"
        )
    try:
        is_newer = item.path.stat().st_mtime > item.target.stat().st_mtime
        return not is_newer or hash_clip(item.path) == there.clip_hash
    except (OSError, InputError):
        return False  # what is wrong with the clip is said when it is read


def _extract_all(
    model: FrameGenerator, todo: Sequence[_Work], batch: int, result: ExtractionResult, show
) -> None:
    decoded = prefetch(_decode_all([item.path for item in todo], model.size), _BATCHES_AHEAD * batch)
    with closing(decoded):
        for item in show(todo):
            try:
                save_motion(item.target, _extract_clip(model, item.path, decoded, batch))
            except InputError as error:
                result.rejected[item.inside] = str(error)
            else:
                result.written.append(item.target)


@dataclass(frozen=True)
class _Facts:
    """What is known of a clip when all its frames have come."""

    fps: float
    frame_size: tuple[int, int]
    hash: str


def _decode_all(paths: Sequence[Path], size: int) -> Iterator[np.ndarray | _Facts | InputError]:
    """Yield each clip's squares, then its facts, or the fault that ended it."""
    for path in paths:
        try:
            info = StripReader(path) if _is_row(path) else probe(path)
            yield from clip_squares(path, size)
            yield _Facts(float(info.fps), (info.height, info.width), hash_clip(path))
        except InputError as error:
            yield error


def _extract_clip(
    model: FrameGenerator, path: Path, decoded: Iterator[np.ndarray | _Facts | InputError], batch: int
) -> MotionClip:
    """Take the next clip of the stream and find its keypoints."""
    facts: list[_Facts] = []

    def squares() -> Iterator[np.ndarray]:
        for item in decoded:
            if isinstance(item, InputError):
                raise item
            if isinstance(item, _Facts):
                facts.append(item)
                return
            yield item

    motion = extract_motion(model, squares(), batch)
    known = facts[0]
    return MotionClip(motion, known.fps, known.frame_size, clip_name(path), known.hash, model.weights_hash)


def _record(
    out: Path, shard: tuple[int, int], num_clips: int, weights: str, result: ExtractionResult
) -> None:
    made = sorted([*result.present, *result.written])
    files = {path.relative_to(out).as_posix(): sha256(path) for path in made}
    write_record(out, ShardRecord(*shard, num_clips, weights, files, result.rejected))
