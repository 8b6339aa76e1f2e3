"""Writing clips: what went in comes out, whole or not at all, with its sound in place."""

from __future__ import annotations

import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from fommvg_lib.files import InputError
from fommvg_lib.video_io import VideoWriter, has_audio, probe, read_video, write_video
from tests.video_io.clips import click_times, numbered_frame, read_number, write_clicks, write_clip

TARGETS = ["a.mp4", "a.webm", "a.gif", "frames", "frames/"]


def numbered(num_frames: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    return [numbered_frame(number, height, width) for number in range(num_frames)]


@pytest.mark.parametrize("target", TARGETS)
def test_frames_survive_the_round_trip(tmp_path, target):
    frames = numbered(12)
    write_video(f"{tmp_path}/{target}", iter(frames), 25)
    info, back = probe(f"{tmp_path}/{target}"), read_video(f"{tmp_path}/{target}")
    assert [read_number(frame) for frame in back] == list(range(12))
    assert info.fps == 25 and (info.height, info.width) == (48, 64)
    difference = back.astype(int) - np.stack(frames)
    assert np.abs(difference).mean() < (0.1 if "frames" in target else 6)
    assert np.abs(difference[:, 10:].mean(axis=(0, 1, 2))).max() < 2
    assert len(list(tmp_path.iterdir())) == 1


def test_mp4_is_h264_yuv420p_that_starts_fast(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(5), Fraction(30000, 1001))
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert probe(tmp_path / "a.mp4").rate == Fraction(30000, 1001)


@pytest.mark.parametrize("target", ["a.mp4", "a.webm"])
def test_odd_sides_are_padded_by_their_border(tmp_path, target):
    frames = numbered(3, 47, 63)
    write_video(tmp_path / target, frames, 10)
    back = read_video(tmp_path / target).astype(int)
    assert back.shape == (3, 48, 64, 3)
    assert np.abs(back[:, 8:47, 63] - np.stack(frames)[:, 8:, 62]).mean() < 8


def test_gif_and_folder_keep_odd_sides(tmp_path):
    for target in ("a.gif", "frames"):
        write_video(tmp_path / target, numbered(3, 47, 63), 10)
        assert read_video(tmp_path / target).shape == (3, 47, 63, 3)


@pytest.mark.parametrize(("asked", "delay"), [(25, 4), (30, 3), (24, 4), (60, 2), (100, 2), (7, 14)])
def test_gif_rate_is_snapped_to_hundredths_of_a_second(tmp_path, asked, delay):
    with VideoWriter(tmp_path / "a.gif", asked) as writer:
        for frame in numbered(4):
            writer.write(frame)
    assert writer.fps == pytest.approx(100 / delay)
    assert probe(tmp_path / "a.gif").duration_s == pytest.approx(4 * delay / 100)
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in (tmp_path / "a.gif").read_bytes()  # loops without end


def test_gif_of_few_colours_is_exact(tmp_path):
    colours = np.array([[250, 3, 7], [9, 200, 30], [0, 0, 0], [255, 255, 255], [12, 34, 56]], np.uint8)
    frames = [colours[np.random.default_rng(k).integers(0, 5, (24, 24))] for k in range(3)]
    write_video(tmp_path / "a.gif", frames, 10)
    assert np.array_equal(read_video(tmp_path / "a.gif"), np.stack(frames))


def test_lower_crf_is_closer_and_keyint_limits_key_distance(tmp_path):
    frames, errors = numbered(30), []
    for crf in (5, 40):
        write_video(tmp_path / "a.mp4", frames, 25, crf=crf, keyint=6)
        errors.append(np.abs(read_video(tmp_path / "a.mp4").astype(int) - np.stack(frames)).mean())
    assert errors[0] < errors[1] / 2
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) >= 5


@pytest.mark.parametrize("target", TARGETS)
def test_an_exception_leaves_nothing(tmp_path, target):
    with pytest.raises(RuntimeError, match="halfway"):
        with VideoWriter(f"{tmp_path}/{target}", 25) as writer:
            writer.write(numbered_frame(0))
            raise RuntimeError("halfway")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", TARGETS)
def test_an_exception_leaves_the_older_clip(tmp_path, target):
    write_video(f"{tmp_path}/{target}", numbered(2), 25)
    with pytest.raises(ValueError, match=r"frame 1 is \(40, 64\)"):
        write_video(f"{tmp_path}/{target}", [numbered_frame(0), numbered_frame(1)[:40]], 25)
    assert len(read_video(f"{tmp_path}/{target}")) == 2
    write_video(f"{tmp_path}/{target}", numbered(3), 25)
    assert len(read_video(f"{tmp_path}/{target}")) == 3


@pytest.mark.parametrize("target", TARGETS)
def test_no_frames_is_an_error_and_no_file(tmp_path, target):
    with pytest.raises(InputError, match="no frame to write"):
        write_video(f"{tmp_path}/{target}", [], 25)
    assert list(tmp_path.iterdir()) == []


def test_wrong_targets_are_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match="a.xyz: clips are written as .mp4"):
        VideoWriter(tmp_path / "a.xyz", 25)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("keep me")
    with pytest.raises(InputError, match="dear.txt"):
        VideoWriter(tmp_path / "letters", 25)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        VideoWriter(tmp_path / "file", 25)
    with pytest.raises(InputError, match="cannot be written"):
        with VideoWriter(tmp_path / "file" / "a.mp4", 25):
            pass
    with pytest.raises(ValueError, match="fps"):
        VideoWriter(tmp_path / "a.mp4", 0)
    with pytest.raises(InputError, match="none.mp3: no such file"):
        VideoWriter(tmp_path / "a.mp4", 25, audio=tmp_path / "none.mp3")


def test_frames_of_another_type_are_refused(tmp_path):
    for wrong in (numbered_frame(0).astype(np.float32), numbered_frame(0)[..., 0]):
        with pytest.raises(ValueError, match="uint8"):
            write_video(tmp_path / "a.mp4", [wrong], 25)


# Sound

COPIED = [("clicks.mp4", "aac", "a.mp4", "aac"), ("clicks.mkv", "libopus", "a.webm", "opus")]
ENCODED = [
    ("clicks.mp4", "aac", "a.webm", "opus"),
    ("clicks.mkv", "libopus", "a.mp4", "aac"),
    ("clicks.mkv", "pcm_s16le", "a.mp4", "aac"),
]


@pytest.mark.parametrize(("source", "codec", "target", "expected"), COPIED + ENCODED)
@pytest.mark.parametrize("start", [0.0, 0.8])
def test_sound_stays_in_place(tmp_path, source, codec, target, expected, start):
    clicks = write_clicks(tmp_path / source, codec)
    write_video(tmp_path / target, numbered(50), 25, audio=clicks, audio_start_s=start)
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.audio[0].codec_context.name == expected
        assert len(container.streams.video) == 1
    heard = click_times(tmp_path / target)
    there = np.arange(0.0, 3.0, 0.5) - start
    there = there[(there > 0.03) & (there < 1.95)]  # a packet on the cut itself may go
    heard = heard[(heard > 0.03) & (heard < 1.95)]
    assert len(heard) == len(there)
    assert np.abs(heard - there).max() < 0.02  # half a frame
    assert [read_number(f) for f in read_video(tmp_path / target)] == list(range(50))


@pytest.mark.parametrize("target", ["a.mp4", "a.webm"])
def test_sound_ends_where_told_and_never_outlasts_the_frames(tmp_path, target):
    clicks = write_clicks(tmp_path / "clicks.mp4", "aac")
    write_video(tmp_path / target, numbered(50), 25, audio=clicks, audio_start_s=0.25, audio_end_s=1.1)
    assert click_times(tmp_path / target) == pytest.approx([0.25, 0.75], abs=0.02)
    write_video(tmp_path / target, numbered(20), 25, audio=clicks)
    with av.open(str(tmp_path / target)) as container:
        last = max(float(f.pts * f.time_base) + f.samples / f.rate for f in container.decode(audio=0))
    # Encoded sound is cut to the sample (Opus' blocks aside), copied sound to half a packet of 21 ms.
    assert abs(last - 0.8) < 0.0108
    assert probe(tmp_path / target).num_frames == 20


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("num_frames", [1, 13, 21, 26])
def test_encoded_sound_is_as_long_as_the_frames(tmp_path, rate, num_frames):
    """Stereo sound of any rate, longer than the frames, that has to be encoded anew."""
    with wave.open(str(tmp_path / "noise.wav"), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.random.default_rng(0).integers(-9000, 9000, (2 * rate, 2)).astype("<i2"))
    write_video(tmp_path / "a.mp4", numbered(num_frames), 25, audio=tmp_path / "noise.wav")
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(num_frames / 25, abs=1e-3)
        last = list(container.decode(audio=0))[-1]
    samples = last.to_ndarray()[:, round((num_frames / 25 - float(last.pts * last.time_base)) * last.rate) :]
    assert samples.size == 0 or np.abs(samples).mean() < 0.05  # the last packet is filled up with silence


def test_copied_sound_is_the_same_bytes(tmp_path):
    clicks = write_clicks(tmp_path / "clicks.mp4", "aac")
    write_video(tmp_path / "a.mp4", numbered(75), 25, audio=clicks)
    packets = []
    for path in (clicks, tmp_path / "a.mp4"):
        with av.open(str(path)) as container:
            packets.append([bytes(p) for p in container.demux(audio=0) if p.size])
    assert packets[1] == packets[0][: len(packets[1])] and len(packets[1]) >= 140


def test_sound_file_without_pictures_is_taken_from_its_start(tmp_path):
    clicks = write_clicks(tmp_path / "clicks.wav", "pcm_s16le", with_video=False)
    write_video(tmp_path / "a.mp4", numbered(50), 25, audio=clicks)
    assert click_times(tmp_path / "a.mp4")[1:4] == pytest.approx([0.5, 1.0, 1.5], abs=0.02)


def test_sound_is_timed_from_the_first_frame_of_its_video(tmp_path):
    late = write_clicks(tmp_path / "late.mkv", "aac", video_start=5)  # frames: 0.2 s
    write_video(tmp_path / "a.mp4", numbered(50), 25, audio=late)
    assert click_times(tmp_path / "a.mp4") == pytest.approx([0.3, 0.8, 1.3, 1.8], abs=0.02)


@pytest.mark.parametrize(
    ("codec", "target"), [("aac", "a.mp4"), ("pcm_s16le", "a.mp4"), ("libopus", "a.webm"), ("aac", "a.webm")]
)
def test_sound_keeps_in_step_when_the_first_pictures_cannot_be_decoded(tmp_path, codec, target):
    """A recording that begins between key frames: what is shown begins at the first of them, at 0.48 s."""
    whole = write_clicks(tmp_path / "whole.mkv", codec, keyint=12)
    cut = tmp_path / "cut.mkv"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as copy:
        streams = {stream: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video" and packet.dts * packet.time_base < 0.2:
                continue
            packet.stream = streams[packet.stream]
            copy.mux(packet)
    assert read_number(read_video(cut)[0]) == 12
    write_video(tmp_path / target, numbered(50), 25, audio=cut)
    assert click_times(tmp_path / target) == pytest.approx([0.02, 0.52, 1.02, 1.52], abs=0.02)
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.video[0].start_time * container.streams.video[0].time_base < 0.04


def test_driver_without_sound_gives_no_track(tmp_path):
    silent = write_clip(tmp_path / "silent.mp4", num_frames=5)
    for target in ("a.mp4", "a.webm"):
        with VideoWriter(tmp_path / target, 25, audio=silent) as writer:
            writer.write(numbered_frame(0))
        assert not writer.has_audio and not has_audio(tmp_path / target)


def test_gif_and_folder_carry_no_sound(tmp_path):
    clicks = write_clicks(tmp_path / "clicks.mp4", "aac", seconds=1)
    for target in ("a.gif", "frames"):
        with VideoWriter(tmp_path / target, 25, audio=clicks) as writer:
            writer.write(numbered_frame(0))
        assert not writer.has_audio and not has_audio(tmp_path / target)
