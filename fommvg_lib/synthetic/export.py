"""The synthetic heads written out as a clip folder, so that the whole data path can be exercised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fommvg_lib.files import InputError, atomic_folder, atomic_path
from fommvg_lib.synthetic.anatomy import LANDMARK_NAMES
from fommvg_lib.synthetic.identity import identities
from fommvg_lib.synthetic.movement import PARAMETER_NAMES
from fommvg_lib.synthetic.renderer import HeadClip, render_clip
from fommvg_lib.video_io import write_video

FORMATS = ("mp4", "png")


def write_clip_folder(
    out: str | Path,
    num_train: int,
    num_test: int,
    clips_per_identity: int = 1,
    num_frames: int = 64,
    size: int = 64,
    fps: float = 25,
    format: str = "mp4",
    seed: int = 0,
) -> list[Path]:
    """Write `out/{train,test}/<identity>#<clip>.mp4` and the ground truth `out/truth/<identity>#<clip>.npz`.

    A clip that is already there is written anew; each appears whole or not at all.

    Args:
        out: the folder to be made.
        num_train: identities in `train`.
        num_test: identities in `test`.
        clips_per_identity: clips of each.
        num_frames: frames of each clip.
        size: side in pixels, 32 to 256.
        fps: frames per second, also stored in mp4.
        format: "mp4" (H.264, lossy), or "png": each clip a folder `<identity>#<clip>.mp4` of
            0000000.png, 0000001.png, ... without loss.
        seed: of the whole set.

    Returns:
        The clips' paths.

    Raises:
        InputError: for an unknown format, more identities than there are, or a folder that cannot be written.
        ValueError: for a size outside 32 to 256.
    """
    if format not in FORMATS:
        raise InputError(f"clip format {format!r} is none of {', '.join(FORMATS)}")
    out, written = Path(out), []
    for split, count in (("train", num_train), ("test", num_test)):
        people = identities(split)
        if not 0 <= count <= len(people):
            raise InputError(f"{out}: the {split} split has {len(people)} identities, {count} were asked for")
        for identity in people[:count]:
            for clip in range(clips_per_identity):
                head = render_clip(identity, clip, num_frames, size, seed, fps)
                name = f"{identity:04d}#{clip:03d}"
                _write_truth(out / "truth" / f"{name}.npz", head)
                written.append(out / split / f"{name}.mp4")
                _write_frames(written[-1], head, format)
    return written


def _write_frames(path: Path, head: HeadClip, format: str) -> None:
    if format == "mp4":
        write_video(path, head.frames, head.fps)
        return
    with atomic_folder(path) as temporary:
        for number, frame in enumerate(head.frames):
            Image.fromarray(frame).save(temporary / f"{number:07d}.png")


def _write_truth(path: Path, head: HeadClip) -> None:
    """Write everything of a clip but its frames; read with `np.load(path)`, no pickles inside."""
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            landmarks=head.landmarks,
            landmark_names=np.array(LANDMARK_NAMES),
            visibility=head.visibility,
            parameters=head.parameters,
            parameter_names=np.array(PARAMETER_NAMES),
            pose=head.pose,
            identity=head.identity,
            clip=head.clip,
            seed=head.seed,
            fps=head.fps,
        )
