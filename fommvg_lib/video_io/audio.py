"""Sound for a video being written: packets copied where the container allows, else encoded anew.

Sound is timed on the clock of its file's video (zero is the first frame), so it stays where it was relative
to the pictures; in a file without video zero is where its sound begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from fommvg_lib.files import InputError
from fommvg_lib.video_io.decode import VideoFile
from fommvg_lib.video_io.packets import find_video_stream, open_container


@dataclass(frozen=True)
class AudioFormat:
    """What a container takes: codecs whose packets are copied, else the encoder and its rates in Hz."""

    copied: tuple[str, ...]
    encoder: str
    rates: tuple[int, ...]


AAC = AudioFormat(("aac", "mp3", "ac3", "eac3"), "aac", (22050, 32000, 44100, 48000))
OPUS = AudioFormat(("opus", "vorbis"), "libopus", (48000,))
_PREROLL_S = Fraction(1, 10)  # codecs begin with up to 80 ms that are not heard, but decoders want to see


class Piece(NamedTuple):
    """Sound from `begin` to `end` seconds of the output: a packet to be copied, or samples to be encoded."""

    begin: float
    end: float
    content: Any


class AudioTrack:
    """One sound stream on its way from a file into an output container."""

    def __init__(
        self,
        output: av.container.OutputContainer,
        source: Path,
        audio_format: AudioFormat,
        start_s: float,
        end_s: float | None,
    ) -> None:
        """Add the stream to `output`, before its header is written; packets come with `advance`."""
        self._source = source
        self._output = output
        self._input = open_container(source)
        self._stream = self._input.streams.audio[0]
        self._begin = _zero_of(source, self._input) + Fraction(start_s).limit_denominator(1_000_000)
        first = Fraction((self._stream.start_time or 0) * self._stream.time_base)
        self._keeps_preroll = start_s == 0 and first > self._begin - _PREROLL_S
        self._length = None if end_s is None else end_s - start_s
        self._is_copied = self._stream.codec_context.name in audio_format.copied
        if self._is_copied:
            self._target = output.add_stream_from_template(self._stream)
            self._pieces = self._read_packets()
        else:
            self._target = _add_encoder(output, audio_format, self._stream)
            self._pieces = self._read_blocks()
        self._waiting: Piece | None = None
        self._has_begun = False

    def advance(self, until_s: float) -> None:
        """Write the sound that ends before `until_s` seconds of the output.

        Raises:
            InputError: if the sound is damaged.
        """
        try:
            self._advance(until_s if self._length is None else min(until_s, self._length))
        except av.FFmpegError as error:
            raise InputError(f"{self._source}: its sound cannot be decoded ({error.strerror})") from error

    def _advance(self, until: float) -> None:
        if not self._has_begun:
            self._waiting, self._has_begun = next(self._pieces, None), True
        while self._waiting is not None and self._waiting.end <= until:
            self._put(self._waiting.content)
            self._waiting = next(self._pieces, None)

    def finish(self, until_s: float) -> None:
        """Write the rest up to `until_s` seconds and close the source.

        Of what lies across the end, sound that is encoded is cut to the sample; a packet that is copied goes
        along if the larger half of it lies before the end.
        """
        self.advance(until_s)
        until = until_s if self._length is None else min(until_s, self._length)
        last = self._waiting
        if last is not None and self._is_copied and (last.begin + last.end) / 2 < until:
            self._put(last.content)
        elif last is not None and not self._is_copied and last.begin < until:
            self._put(_first_samples(last.content, round((until - last.begin) * last.content.sample_rate)))
        if not self._is_copied:
            self._output.mux(self._target.encode(None))
        self._input.close()

    def _put(self, content: av.Packet | av.AudioFrame | None) -> None:
        if content is not None:
            self._output.mux([content] if self._is_copied else self._target.encode(content))

    def _read_packets(self) -> Iterator[Piece]:
        for packet in self._input.demux(self._stream):
            if packet.dts is None or packet.pts is None:
                continue
            seconds = packet.pts * packet.time_base - self._begin
            if seconds < 0 and not self._keeps_preroll:
                continue  # a packet that begins before the cut would play its part from before the cut
            shift = round(self._begin / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._target
            end = seconds + (packet.duration or 0) * packet.time_base
            yield Piece(float(seconds), float(end), packet)

    def _read_blocks(self) -> Iterator[Piece]:
        graph, source, sink = self._make_graph()
        for frame in self._decoded_frames():
            source.push(frame)
            while (cut := _pull(sink)) is not None:
                begin = float(cut.pts * cut.time_base)
                yield Piece(begin, begin + cut.samples / cut.sample_rate, cut)
        del graph

    def _decoded_frames(self) -> Iterator[av.AudioFrame | None]:
        yield from self._input.decode(self._stream)
        yield None

    def _make_graph(
        self,
    ) -> tuple[av.filter.Graph, av.filter.context.FilterContext, av.filter.context.FilterContext]:
        """Cut to the sample, shift time, and bring the sound to the encoder's format and block size."""
        context = self._target.codec_context
        begin = float(self._begin)
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=self._stream)
        sound = {
            "sample_fmts": context.format.name,
            "sample_rates": str(context.sample_rate),
            "channel_layouts": context.layout.name,
        }
        chain = [
            source,
            graph.add("atrim", f"start={begin:.6f}"),
            graph.add("asetpts", f"PTS-{begin:.6f}/TB"),
            graph.add("aformat", **sound),
            graph.add("asetnsamples", f"n={context.frame_size or 1024}:p=0"),
            graph.add("abuffersink"),
        ]
        for one, other in zip(chain, chain[1:], strict=False):
            one.link_to(other)
        graph.configure()
        return graph, source, chain[-1]


def _pull(sink: av.filter.context.FilterContext) -> av.AudioFrame | None:
    try:
        return sink.pull()
    except (av.BlockingIOError, av.EOFError):
        return None


def _first_samples(frame: av.AudioFrame, count: int) -> av.AudioFrame | None:
    """Give a frame's first samples; None if that is nothing."""
    if count <= 0:
        return None
    columns = count if frame.format.is_planar else count * len(frame.layout.channels)
    samples = np.ascontiguousarray(frame.to_ndarray()[:, :columns])
    cut = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    cut.sample_rate, cut.pts, cut.time_base = frame.sample_rate, frame.pts, frame.time_base
    return cut


def _zero_of(path: Path, container: av.container.InputContainer) -> Fraction:
    """Give the time of the first frame, or of the first sound if there is no video, on the file's clock."""
    if find_video_stream(container) is None:
        stream = container.streams.audio[0]
        return Fraction((stream.start_time or 0) * stream.time_base)
    video = VideoFile(path)  # its first frame may come later than its first packet
    video.close()
    return Fraction(video.index.start).limit_denominator(1_000_000)


def _add_encoder(
    output: av.container.OutputContainer, audio_format: AudioFormat, source: av.AudioStream
) -> av.AudioStream:
    is_kept = source.rate in audio_format.rates
    target = output.add_stream(audio_format.encoder, rate=source.rate if is_kept else audio_format.rates[-1])
    target.layout = "mono" if source.channels == 1 else "stereo"
    target.bit_rate = 128_000
    target.codec_context.open()
    return target
