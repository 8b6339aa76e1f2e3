"""Small clips made on the spot: each frame tells its own number, in any codec and container."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 48, 64
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "clips"


def numbered_frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Draw a smooth moving background with the number as eight black or white squares along the top."""
    y, x = np.mgrid[0:height, 0:width]
    wave = 128 + 60 * np.sin((x + 3 * number) / 9) * np.cos((y + number) / 11)
    frame = np.stack([wave, 255 - wave, 128 + 0 * wave], axis=-1).astype(np.uint8)
    for bit in range(8):
        frame[:8, 8 * bit : 8 * bit + 8] = 255 * (number >> bit & 1)
    return frame


def read_number(frame: np.ndarray) -> int:
    """Read the number back, through compression."""
    return sum((int(frame[1:7, 8 * bit + 1 : 8 * bit + 7].mean()) > 127) << bit for bit in range(8))


def write_clip(
    path: Path,
    codec: str = "libx264",
    num_frames: int = 40,
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    container_options: dict[str, str] | None = None,
    pixel_ratio: Fraction | None = None,
) -> Path:
    """Write numbered frames with PyAV alone; `times` are hundredths of a second, 4 apart by default."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        if pixel_ratio is not None:
            stream.codec_context.sample_aspect_ratio = pixel_ratio
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, 25) if times is None else Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Patch the first track header (tkhd) of an mp4: ISO 14496-12, 8.3.2; entries are 0, 1 or -1."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version 0: the matrix stands 40 bytes into the box's body
    for place, entry in ((0, a), (1, b), (3, c), (4, d)):
        data[start + 4 * place : start + 4 * place + 4] = (entry * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def write_clicks(
    path: Path,
    codec: str,
    seconds: float = 3.0,
    every_s: float = 0.5,
    with_video: bool = True,
    video_start: int = 0,
    keyint: int | None = None,
) -> Path:
    """Write silence with a burst of 10 ms at each multiple of `every_s`, 48 kHz mono, over frames."""
    rate = 48_000
    wave = np.zeros(int(seconds * rate), np.float32)
    for start in np.arange(0.0, seconds, every_s):
        first = int(round(start * rate))
        wave[first : first + rate // 100] = 0.8 * np.sin(
            np.arange(len(wave[first : first + rate // 100])) * 0.4
        )
    with av.open(str(path), "w") as container:
        if with_video:
            options = {} if keyint is None else {"g": str(keyint), "bf": "0"}
            video = container.add_stream("libx264", rate=25, options=options)
            video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout="mono")
        if with_video:
            for number in range(int(seconds * 25)):
                frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
                frame.pts, frame.time_base = number + video_start, Fraction(1, 25)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for first in range(0, len(wave), 1024):
            block = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = rate, first, Fraction(1, rate)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


def click_times(path: Path) -> np.ndarray:
    """Give the seconds at which bursts begin, on the container's clock."""
    blocks = []
    resampler = av.AudioResampler("fltp", "mono", 48_000)
    with av.open(str(path)) as container:
        for decoded in container.decode(audio=0):
            blocks += [(float(b.pts * b.time_base), b.to_ndarray()[0]) for b in resampler.resample(decoded)]
    loud = np.concatenate([start + np.flatnonzero(np.abs(wave) > 0.2) / 48_000 for start, wave in blocks])
    return loud[np.concatenate([[True], np.diff(loud) > 0.1])]
