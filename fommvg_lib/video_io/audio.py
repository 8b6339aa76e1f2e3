"""Sound for a video being written: packets copied where the container allows, else encoded anew.

Sound is timed on the clock of its file's video (zero is the first frame), so it stays where it was relative
to the pictures; in a file without video zero is where its sound begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from fommvg_lib.files import InputError
from fommvg_lib.video_io.packets import find_video_stream, open_container


@dataclass(frozen=True)
class AudioFormat:
    """What a container takes: codecs whose packets are copied, else the encoder and its rates in Hz."""

    copied: tuple[str, ...]
    encoder: str
    rates: tuple[int, ...]


AAC = AudioFormat(("aac", "mp3", "ac3", "eac3"), "aac", (22050, 32000, 44100, 48000))
OPUS = AudioFormat(("opus", "vorbis"), "libopus", (48000,))


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
        self._begin = _zero_of(self._input) + Fraction(start_s).limit_denominator(1_000_000)
        self._is_from_zero = start_s == 0
        self._length = None if end_s is None else end_s - start_s
        if self._stream.codec_context.name in audio_format.copied:
            self._target = output.add_stream_from_template(self._stream)
            self._items = self._copy()
        else:
            self._target = _add_encoder(output, audio_format, self._stream)
            self._items = self._encode()
        self._waiting: tuple[float, list[av.Packet]] | None = (float("-inf"), [])

    def advance(self, until_s: float) -> None:
        """Write the sound up to `until_s` seconds of the output.

        Raises:
            InputError: if the sound is damaged.
        """
        until = until_s if self._length is None else min(until_s, self._length)
        while self._waiting is not None and self._waiting[0] < until:
            self._output.mux(self._waiting[1])
            try:
                self._waiting = next(self._items, None)
            except av.FFmpegError as error:
                raise InputError(f"{self._source}: its sound cannot be decoded ({error.strerror})") from error

    def finish(self, until_s: float) -> None:
        """Write the rest up to `until_s` seconds and close the source."""
        self.advance(until_s)
        if self._target.codec_context is not None and self._target.codec_context.is_encoder:
            self._output.mux(self._target.encode(None))
        self._input.close()

    def _copy(self) -> Iterator[tuple[float, list[av.Packet]]]:
        for packet in self._input.demux(self._stream):
            if packet.dts is None or packet.pts is None:
                continue
            seconds = packet.pts * packet.time_base - self._begin
            if seconds < 0 and not self._is_from_zero:
                continue  # a packet that begins before the cut would play its part from before the cut
            shift = round(self._begin / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._target
            yield float(seconds), [packet]

    def _encode(self) -> Iterator[tuple[float, list[av.Packet]]]:
        graph, source, sink = self._make_graph()
        for frame in self._decoded_frames():
            source.push(frame)
            while (cut := _pull(sink)) is not None:
                yield float(cut.pts * cut.time_base), self._target.encode(cut)
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


def _zero_of(container: av.container.InputContainer) -> Fraction:
    """Give the time of the first frame, or of the first sound if there is no video, on the file's clock."""
    stream = find_video_stream(container) or container.streams.audio[0]
    return Fraction((stream.start_time or 0) * stream.time_base)


def _add_encoder(
    output: av.container.OutputContainer, audio_format: AudioFormat, source: av.AudioStream
) -> av.AudioStream:
    is_kept = source.rate in audio_format.rates
    target = output.add_stream(audio_format.encoder, rate=source.rate if is_kept else audio_format.rates[-1])
    target.layout = "mono" if source.channels == 1 else "stereo"
    target.bit_rate = 128_000
    target.codec_context.open()
    return target
