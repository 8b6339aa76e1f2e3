"""What a clip is, without decoding more than its first frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fommvg_lib.video_io.decode import VideoFile
from fommvg_lib.video_io.folder import FOLDER_FPS, FrameFolder
from fommvg_lib.video_io.packets import open_container

CLIP_SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".mkv", ".mpg", ".mpeg", ".gif")
"""Endings by which videos are found in folders: formats of which a file that was cut off is known as such."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a clip.

    Attributes:
        path: the file or folder.
        num_frames: exact count, from the packets (by decoding once where a file's packets do not tell it).
        fps: mean frames per second.
        rate: the same, as stored.
        width: of the frames as displayed: upright, square pixels.
        height: of the same.
        rotation: clockwise degrees applied to the stored pictures: 0, 90, 180 or 270.
        duration_s: seconds from the first frame to the end of the last.
        has_audio: whether there is sound.
        is_folder: whether it is a folder of pictures.
    """

    path: Path
    num_frames: int
    fps: float
    rate: Fraction
    width: int
    height: int
    rotation: int
    duration_s: float
    has_audio: bool
    is_folder: bool


def open_clip(path: str | Path, folder_fps: float = FOLDER_FPS, threads: int = 1) -> VideoFile | FrameFolder:
    """Open a video file or a folder of frames for reading.

    Raises:
        InputError: if it is missing, no video, or cut off.
    """
    path = Path(path)
    return FrameFolder(path, folder_fps) if path.is_dir() else VideoFile(path, threads)


def probe(path: str | Path, folder_fps: float = FOLDER_FPS) -> VideoInfo:
    """Describe a clip: mp4, mov, avi, webm, mkv, mpg, gif or a folder of frames.

    Args:
        path: the file or folder.
        folder_fps: the rate that a folder of frames is taken to have.

    Raises:
        InputError: if it is missing, no video, cut off, or its first frame cannot be decoded.
    """
    clip = open_clip(path, folder_fps)
    try:
        return VideoInfo(
            path=clip.path,
            num_frames=len(clip.index),
            fps=float(clip.rate),
            rate=clip.rate,
            width=clip.width,
            height=clip.height,
            rotation=clip.rotation,
            duration_s=clip.index.end,
            has_audio=clip.has_audio,
            is_folder=isinstance(clip, FrameFolder),
        )
    finally:
        clip.close()


def has_audio(path: str | Path) -> bool:
    """Say whether a file (video or audio only) has sound; a folder has none.

    Raises:
        InputError: if it is missing or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return False
    with open_container(path) as container:
        return len(container.streams.audio) > 0
