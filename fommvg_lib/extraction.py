"""Motion of many clips: one file for each, made once, mirroring the folder tree.

Re-running does only what is missing. A clip that cannot be read is listed in `rejected.csv` with its reason
and the work goes on; shards share nothing but the output folder, so any number may run at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fommvg_lib.crop import CropBox, apply_crop, find_crop
from fommvg_lib.files import InputError, sha256
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import extract_motion
from fommvg_lib.motion_files import MotionClip, load_motion, save_motion
from fommvg_lib.tables import write_rejected
from fommvg_lib.video_io import probe, read_frames, resize_image

VIDEO_ENDINGS = {".mp4", ".mov", ".avi", ".webm", ".mkv", ".mpg", ".mpeg", ".gif"}
FRAME_ENDINGS = {".png", ".jpg", ".jpeg"}


@dataclass
class ExtractionResult:
    """What became of each clip: written, already there, or rejected with a reason."""

    written: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)


def find_clips(root: str | Path) -> list[Path]:
    """List the clips under a folder: video files, gifs and folders of frames; or the one file given.

    Raises:
        InputError: if there is none.
    """
    root = Path(root)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    if root.is_file() or _is_frame_folder(root):
        return [root]
    folders = [path for path in sorted(root.rglob("*")) if path.is_dir() and _is_frame_folder(path)]
    files = [
        path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix.lower() in VIDEO_ENDINGS
    ]
    clips = sorted({*folders, *files})
    if not clips:
        raise InputError(f"{root}: holds no video, gif or folder of frames")
    return clips


def _is_frame_folder(path: Path) -> bool:
    return path.is_dir() and any(child.suffix.lower() in FRAME_ENDINGS for child in path.iterdir())


def clip_squares(path: Path, size: int, crop: str | CropBox = "center") -> Iterator[np.ndarray]:
    """Stream a clip's squares, uint8 (size, size, 3); one box for the whole clip."""
    box = None
    for frame in read_frames(path):
        box = box or find_crop(frame, crop)[0]
        square = apply_crop(frame, box)
        yield square if square.shape[:2] == (size, size) else resize_image(square, (size, size))


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
        shard: (I, N): do every N-th clip from the I-th.
        overwrite: make files again that are there; without, one made by other weights is an error.
        show: wraps the list of clips, for a progress bar.

    Returns:
        What became of each clip.

    Raises:
        InputError: if there are no clips, or every one was rejected, or a file that is there was made by
            other weights.
    """
    root, out = Path(videos), Path(out)
    index, count = shard
    clips = find_clips(root)[index::count]
    result = ExtractionResult()
    for path in show(clips):
        inside = path.relative_to(root) if path != root else Path(path.name)
        target = out / inside.with_suffix(".safetensors")
        if target.exists() and not overwrite:
            _check_same_weights(target, model)
            result.present.append(target)
            continue
        try:
            save_motion(target, _extract_clip(model, path, batch))
        except InputError as error:
            result.rejected[str(inside)] = str(error)
        else:
            result.written.append(target)
    name = "rejected.csv" if count == 1 else f"rejected-{index}-of-{count}.csv"
    write_rejected(out / name, result.rejected)
    if clips and len(result.rejected) == len(clips):
        raise InputError(f"{root}: none of its {len(clips)} clips could be read, see {out / name}")
    return result


def _check_same_weights(target: Path, model: FrameGenerator) -> None:
    made_by = load_motion(target).weights_hash
    if made_by != model.weights_hash:
        raise InputError(
            f"{target}: holds motion of frame generator {made_by[:12]}, these weights are "
            f"{model.weights_hash[:12]}: choose another --out, or --overwrite"
        )


def _extract_clip(model: FrameGenerator, path: Path, batch: int) -> MotionClip:
    info = probe(path)
    motion = extract_motion(model, clip_squares(path, model.size), batch)
    digest = sha256(path) if path.is_file() else ""
    frame_size = (info.height, info.width)
    return MotionClip(motion, float(info.fps), frame_size, path.stem, digest, model.weights_hash)
