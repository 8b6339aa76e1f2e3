"""Motion on disk: one safetensors file per clip, and folders of them (DESIGN section 7).

A file holds `value` (T, K, 2), `jacobian` (T, K, 2, 2) where there is one, and text metadata: fps, frame
size, clip name and hash, and the hash of the frame generator's weights. A set has one frame rate and one
frame generator. The published `.npy` layouts are in `motion_npy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from fommvg_lib.files import InputError, atomic_path
from fommvg_lib.jacobian import jacobian_path
from fommvg_lib.motion import Motion
from fommvg_lib.tensor_files import read_tensors, write_tensors

SUFFIX = ".safetensors"
_TEXT_FIELDS = ("fps", "frame_size", "name", "clip_hash", "weights_hash")


@dataclass(frozen=True)
class MotionClip:
    """The motion of one clip and where it comes from.

    Attributes:
        motion: (T,) frames.
        fps: frames per second, above 0.
        frame_size: (H, W) in pixels of the frames the motion was found in.
        name: the clip's name, e.g. its path below the data folder, without ending.
        clip_hash: SHA-256 of the clip's file, or another text that names its content.
        weights_hash: SHA-256 of the frame generator's weights.
    """

    motion: Motion
    fps: float
    frame_size: tuple[int, int]
    name: str
    clip_hash: str
    weights_hash: str

    def __post_init__(self) -> None:
        """Check what every reader relies on."""
        if len(self.motion.shape) != 1 or len(self.motion) == 0:
            raise ValueError(
                f"motion of {self.name!r} must be (T, K, 2), got {tuple(self.motion.value.shape)}"
            )
        if not 0 < self.fps < float("inf"):
            raise ValueError(f"fps of {self.name!r} must be above 0, got {self.fps}")

    def __len__(self) -> int:
        return len(self.motion)


def save_motion(path: str | Path, clip: MotionClip) -> None:
    """Write a clip's motion, whole or not at all; the same motion always gives the same bytes.

    Raises:
        InputError: if the file cannot be written.
    """
    tensors = {"value": clip.motion.value}
    if clip.motion.jacobian is not None:
        tensors["jacobian"] = clip.motion.jacobian
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {
        "fps": repr(float(clip.fps)),
        "frame_size": f"{clip.frame_size[0]}x{clip.frame_size[1]}",
        "name": clip.name,
        "clip_hash": clip.clip_hash,
        "weights_hash": clip.weights_hash,
    }
    with atomic_path(path) as temporary:
        write_tensors(temporary, tensors, metadata)


def load_motion(path: str | Path) -> MotionClip:
    """Read a clip's motion.

    Raises:
        InputError: if the file is missing, torn, no motion file, or holds numbers that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such motion file")
    try:
        tensors, metadata = read_tensors(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a motion file ({error})") from error
    missing = [name for name in _TEXT_FIELDS if name not in metadata]
    if "value" not in tensors or missing:
        raise InputError(
            f"{path}: is no motion file (without {'value' if 'value' not in tensors else missing[0]})"
        )
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise InputError(f"{path}: holds numbers that are not finite")
    try:
        height, width = (int(side) for side in metadata["frame_size"].split("x"))
        motion = Motion(tensors["value"].float(), _float_or_none(tensors.get("jacobian")))
        return MotionClip(
            motion,
            float(metadata["fps"]),
            (height, width),
            metadata["name"],
            metadata["clip_hash"],
            metadata["weights_hash"],
        )
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def load_motion_set(folder: str | Path, fps: float | None = None) -> list[MotionClip]:
    """Read all motion files below a folder, sorted by path.

    Args:
        folder: searched with its subfolders.
        fps: resample every clip to this rate; None demands that all have one rate already.

    Returns:
        At least one clip, all of one frame rate, one frame generator and one layout.

    Raises:
        InputError: naming both files, if rates, frame generators or layouts are mixed; or if there is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    paths = sorted(path for path in folder.rglob(f"*{SUFFIX}") if not path.name.startswith("."))
    if not paths:
        raise InputError(f"{folder}: holds no motion file (*{SUFFIX})")
    clips = [load_motion(path) for path in paths]
    for path, clip in zip(paths, clips, strict=True):
        _check_alike(paths[0], clips[0], path, clip, check_fps=fps is None)
    if fps is None:
        return clips
    return [replace(clip, motion=resample_motion(clip.motion, clip.fps, fps), fps=fps) for clip in clips]


def resample_motion(motion: Motion, fps_in: float, fps_out: float) -> Motion:
    """Change the frame rate of a motion in motion space; it begins with the same frame.

    Values go linearly. Jacobians go along the path of `jacobian_path`, which for neighbouring frames is all
    but linear and keeps the determinant's sign; where the orientation flips the nearer frame is held.

    Args:
        motion: (T,) frames.
        fps_in: its rate.
        fps_out: the rate wanted.

    Returns:
        Motion of floor((T - 1) * fps_out / fps_in) + 1 frames, none beyond the last one given.
    """
    if fps_in == fps_out:
        return motion
    num_in = len(motion)
    num_out = int((num_in - 1) * fps_out / fps_in + 1e-9) + 1
    position = torch.arange(num_out, dtype=torch.float64) * (fps_in / fps_out)
    before = position.floor().long().clamp_max(num_in - 1)
    after = (before + 1).clamp_max(num_in - 1)
    fraction = (position - before).clamp(0, 1).to(motion.value.dtype)[:, None]  # (T', 1), one for all K
    value = torch.lerp(motion.value[before], motion.value[after], fraction[..., None])
    if motion.jacobian is None:
        return Motion(value)
    return Motion(value, jacobian_path(motion.jacobian[before], motion.jacobian[after], fraction))


def _float_or_none(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.float()


def _check_alike(path: Path, clip: MotionClip, other_path: Path, other: MotionClip, check_fps: bool) -> None:
    if check_fps and other.fps != clip.fps:
        raise InputError(
            f"{other_path}: {other.fps:g} frames/s, but {path} has {clip.fps:g}; resample or separate them"
        )
    if other.weights_hash != clip.weights_hash:
        raise InputError(
            f"{other_path}: motion of frame generator {other.weights_hash[:12]}, but {path} is of "
            f"{clip.weights_hash[:12]}; a motion set has one frame generator"
        )
    layout, other_layout = (m.vectors().shape[-1] for m in (clip.motion, other.motion))
    if layout != other_layout or clip.motion.num_kp != other.motion.num_kp:
        raise InputError(f"{other_path}: {other_layout} numbers a frame, but {path} has {layout}")
