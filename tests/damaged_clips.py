"""One table of clips and pictures as people have them: what each is, and whether it can be read."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from fommvg_lib.video_io import write_video
from tests.video_io.clips import numbered_frame, set_display_matrix, write_clicks, write_clip

SIDE = 48


def head(number: int = 0) -> np.ndarray:
    """Draw a square frame, uint8 (48, 48, 3)."""
    return np.ascontiguousarray(numbered_frame(number, SIDE, 64)[:, :SIDE])


@dataclass(frozen=True)
class Case:
    """A clip.

    Attributes:
        make: writes it into a folder; gives its path.
        reason: part of the message with which it is refused; None if it can be read.
        frames: how many it has, if it can be read.
    """

    make: Callable[[Path], Path]
    reason: str | None = None
    frames: int = 12


def whole(folder: Path, name: str = "clip.mp4", num_frames: int = 12, **options) -> Path:
    """Write a clip in which nothing is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_clip(folder / name, num_frames=num_frames, **options)


def _truncated(folder: Path) -> Path:
    path = whole(folder, container_options={"movflags": "+faststart"})
    os.truncate(path, path.stat().st_size * 3 // 4)
    return path


def _bit_flipped(folder: Path) -> Path:
    path = whole(folder, options={"bf": "0", "crf": "3"})
    data = bytearray(path.read_bytes())
    middle, rng = (data.index(b"mdat") + data.index(b"moov")) // 2, random.Random(0)
    for place in range(middle, middle + 200):
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "clip.mp4"
    path.touch()
    return path


def _picture_called_mp4(folder: Path) -> Path:
    path = folder / "clip.mp4"
    Image.fromarray(head()).save(path, "PNG")
    return path


def _webm_called_mp4(folder: Path) -> Path:
    whole(folder, "clip.webm", codec="libvpx").rename(folder / "clip.mp4")
    return folder / "clip.mp4"


def _huge_gif(folder: Path) -> Path:
    write_video(folder / "clip.gif", [head(k) for k in range(3)], 10)
    data = bytearray((folder / "clip.gif").read_bytes())
    data[6:10] = struct.pack("<HH", 65535, 65535)
    (folder / "clip.gif").write_bytes(data)
    return folder / "clip.gif"


def _rotated(folder: Path) -> Path:
    path = whole(folder)
    set_display_matrix(path, 0, 1, -1, 0)
    return path


def _link_to_itself(folder: Path) -> Path:
    (folder / "clip.mp4").symlink_to(folder / "clip.mp4")
    return folder / "clip.mp4"


def _pictures(folder: Path, write: Callable[[Path], None]) -> Path:
    """Write a folder of three pictures, the second of which is special."""
    clip = folder / "clip"
    clip.mkdir()
    for number in range(3):
        Image.fromarray(head(number)).save(clip / f"{number}.png")
    write(clip / "1.png")
    return clip


def _deep(path: Path) -> None:
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.height = stream.width = SIDE
        stream.pix_fmt = "rgb48be"
        deep = head(1).astype(np.uint16) * 257
        container.mux(stream.encode(av.VideoFrame.from_ndarray(deep, format="rgb48be")))
        container.mux(stream.encode(None))


def _cmyk(path: Path) -> None:
    path.unlink()
    Image.fromarray(head(1)).convert("CMYK").save(path.with_suffix(".jpg"))


def _alpha(path: Path) -> None:
    shown = np.dstack([head(1), np.full((SIDE, SIDE), 128, np.uint8)])
    Image.fromarray(shown).save(path)


def _animated(path: Path) -> None:
    Image.fromarray(head(1)).save(path, save_all=True, append_images=[Image.fromarray(head(5))])


def huge_png(path: Path) -> None:
    """Write a picture that declares 60000 x 60000 pixels in a header whose checksum is right."""
    Image.fromarray(head(1)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def _torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _sound(folder: Path) -> Path:
    return write_clicks(folder / "clip.mp4", "aac", seconds=0.5, with_video=False)


def _uneven(folder: Path) -> Path:
    return whole(folder, times=[0, 4, 8, 9, 10, 11, 30, 34, 38, 60, 64, 68])


CASES = {
    "truncated": Case(_truncated, "cut off"),
    "bit-flipped": Case(_bit_flipped, "frame"),
    "zero-byte": Case(_empty, "empty"),
    "wrong extension, a picture": Case(_picture_called_mp4, "no video"),
    "wrong extension, a video": Case(_webm_called_mp4),
    "audio only": Case(_sound, "no video"),
    "one frame": Case(lambda folder: whole(folder, num_frames=1), frames=1),
    "huge dimensions": Case(_huge_gif, "clip.gif"),
    "variable rate": Case(_uneven),
    "rotated": Case(_rotated),
    "name that is not UTF-8": Case(lambda folder: whole(folder, os.fsdecode(b"caf\xe9.mp4"))),
    "path with spaces": Case(lambda folder: whole(folder / "my clips", "a clip, number 1.mp4")),
    "link to itself": Case(_link_to_itself, "no such file"),
    "16-bit picture": Case(lambda folder: _pictures(folder, _deep), frames=3),
    "CMYK picture": Case(lambda folder: _pictures(folder, _cmyk), frames=3),
    "picture with alpha": Case(lambda folder: _pictures(folder, _alpha), frames=3),
    "animated picture": Case(lambda folder: _pictures(folder, _animated), "animated"),
    "picture of huge dimensions": Case(lambda folder: _pictures(folder, huge_png), "pixels"),
    "torn picture": Case(lambda folder: _pictures(folder, _torn), "cut off"),
    "empty picture": Case(lambda folder: _pictures(folder, lambda path: path.write_bytes(b"")), "empty"),
}


def make_case(name: str, folder: Path) -> Path:
    """Write a case's clip into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return CASES[name].make(folder)
