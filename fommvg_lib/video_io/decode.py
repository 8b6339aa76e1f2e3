"""A video file opened for reading: decoded frames in presentation order, from any frame on, upright RGB.

Nothing is passed over: an error of the decoder, a frame it marks as damaged, and a frame that the index lists
but that never comes out are each an `InputError` with the frame's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import Interpolation, VideoReformatter

from fommvg_lib.files import InputError
from fommvg_lib.video_io.images import lay_on_white
from fommvg_lib.video_io.index import FrameIndex, index_packets, linear_index, stream_rate
from fommvg_lib.video_io.packets import MAX_PIXELS, PacketReader

# swscale's ACCURATE_RND and FULL_CHR_H_INT: without them pictures come out one grey level too dark.
EXACT_COLOUR = 0x40000 | 0x2000


class VideoFile:
    """One file's video stream.

    Attributes:
        path: the file.
        index: its frames.
        rate: mean frames per second.
        has_audio: whether there is sound too.
        height: of the upright picture with square pixels.
        width: of the same.
        rotation: clockwise degrees by which the stored pictures are turned for display: 0, 90, 180 or 270.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        """Open and index `path`, and decode its first frame.

        Raises:
            InputError: if it is no video, is cut off, or its first frame cannot be decoded.
        """
        self.path = Path(path)
        self._reformatter = VideoReformatter()
        self._reader = PacketReader(self.path, threads)
        self.rate = stream_rate(self._reader.stream)
        self.has_audio = len(self._reader.container.streams.audio) > 0
        self.index = self._make_index()
        self._reader.rewind()
        self._read_geometry()

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def _make_index(self) -> FrameIndex:
        try:
            index = index_packets(self._reader.container, self._reader.stream)
        except av.FFmpegError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror})") from error
        if index is None:
            self._reader.rewind()
            stream = self._reader.stream
            start = float((stream.start_time or 0) * stream.time_base)
            index = linear_index(sum(1 for _ in self._decode_linear()), self.rate, start)
        if len(index) == 0:
            raise InputError(f"{self.path}: has no frame that can be decoded")
        return index

    def _read_geometry(self) -> None:
        _, frame = next(self.decode(0))
        self._turn = _read_turn(frame)
        is_swapped, flip_x, flip_y = self._turn
        self.rotation = (90 if flip_x else 270) if is_swapped else (180 if flip_y else 0)
        ratio = self._reader.stream.sample_aspect_ratio or Fraction(1)
        # Within one percent of square the pixels count as square: 4319:4320 is a rounding, not a shape.
        width = frame.width if abs(ratio - 1) <= 0.01 else round(frame.width * ratio)
        if not 0 < width * frame.height <= MAX_PIXELS:
            size = f"{width} x {frame.height}"
            raise InputError(f"{self.path}: declares {size} pixels, the limit is {MAX_PIXELS} in all")
        self.height, self.width = (width, frame.height) if is_swapped else (frame.height, width)

    def rgb(self, frame: av.VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
        """Turn a decoded frame into uint8 (H, W, 3), upright, of `size` (height, width) if given."""
        is_swapped, flip_x, flip_y = self._turn
        height, width = size or (self.height, self.width)
        if is_swapped:
            height, width = width, height
        has_alpha = any(part.is_alpha for part in frame.format.components) or frame.format.name == "pal8"
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if has_alpha else "rgb24",
            interpolation=_filter_for((frame.height, frame.width), (height, width)),
        )
        pixels = converted.to_ndarray()
        if has_alpha:
            pixels = lay_on_white(pixels.astype(np.float32) / 255)
        if is_swapped:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    def decode(self, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield (number, frame) from frame `first` to the last, in order and without a gap.

        Raises:
            InputError: at the first frame that cannot be decoded whole.
        """
        expected = first
        for number, frame in self._decode_from(first):
            if number != expected:
                raise self._fault(expected, "is missing")
            if frame.is_corrupt:
                raise self._fault(expected, "is damaged")
            yield number, frame
            expected += 1
        if expected != len(self.index):
            raise self._fault(expected, "is missing")

    def _fault(self, frame: int, what: str) -> InputError:
        return InputError(f"{self.path}: frame {frame} of {len(self.index)} {what}")

    def _decode_from(self, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        if self.index.is_linear:
            self._reader.rewind()
            yield from ((k, frame) for k, frame in enumerate(self._decode_linear()) if k >= first)
            return
        for key in self.index.keys_before(first):
            frames = self._decode_from_key(int(key), first)
            found = next(frames, None)
            # A later frame first: `first` refers to pictures before this key, so begin at an earlier one.
            if found is not None and (found[0] == first or key == self.index.keys[0]):
                yield found
                yield from frames
                return

    def _decode_from_key(self, key: int, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from packet `key` on; yield the frames from number `first` on."""
        self._reader.seek(self.index, key)
        delivered = first
        while True:
            try:
                frames = self._reader.decode_next()
            except av.FFmpegError as error:
                if self._reader.threads == 1:
                    raise self._fault_of_packet(self._reader.position - 1, delivered) from error
                # Threads report late: one thread, from the same key, finds the frame at fault.
                self._reader.rewind(threads=1)
                yield from self._decode_from_key(key, delivered)
                return
            if frames is None:
                return
            for frame in frames:
                number = self.index.frame_of(frame.pts)
                if number is not None and number >= first:
                    delivered = number + 1
                    yield number, frame

    def _fault_of_packet(self, packet: int, delivered: int) -> InputError:
        found = np.flatnonzero(self.index.packet == packet)
        return self._fault(int(found[0]) if len(found) else delivered, "cannot be decoded")

    def _decode_linear(self) -> Iterator[av.VideoFrame]:
        num_frames = 0
        while True:
            try:
                frames = self._reader.decode_next()
            except av.FFmpegError as error:
                raise InputError(f"{self.path}: frame {num_frames} cannot be decoded") from error
            if frames is None:
                return
            for frame in frames:
                if frame.is_corrupt:
                    raise InputError(f"{self.path}: frame {num_frames} is damaged")
                yield frame
                num_frames += 1


def _read_turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Read how the picture is brought upright: exchange rows and columns, then mirror x, then mirror y.

    The display matrix maps stored to shown pixels: x' = a x + c y, y' = b x + d y (ISO 14496-12, 6.2.2).
    """
    data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if data is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, c < 0, b < 0
    return False, a < 0, d < 0


def _filter_for(source: tuple[int, int], target: tuple[int, int]) -> int:
    """Choose swscale's filter: it must average when pictures get smaller."""
    if source == target:
        return Interpolation.BILINEAR | EXACT_COLOUR
    is_smaller = target[0] * target[1] < source[0] * source[1]
    return (Interpolation.AREA if is_smaller else Interpolation.BICUBIC) | EXACT_COLOUR
