"""The frames of a video file in presentation order, found from its packets without decoding.

Decode order is the order of the packets, presentation order that of their time stamps (pts). Packets ahead of
the first key frame, or shown before it, cannot be decoded and are no frames. Files that carry no reliable
time stamps (H.264 and MPEG-4 in avi) are `is_linear`: their frames are counted by decoding once, numbered in
the decoder's order, timed by the rate, and can only be read from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

_LINEAR_IN_AVI = ("h264", "hevc", "mpeg4", "msmpeg4v3", "msmpeg4v2")


@dataclass(frozen=True)
class FrameIndex:
    """Where each of the T frames of a file lies.

    Attributes:
        times: (T,) float64, seconds from the first frame, ascending.
        end: seconds at which the last frame's display ends.
        start: seconds of the first frame on the container's clock (what audio is timed by).
        pts: (T,) int64 time stamps, ascending; empty for linear files.
        packet: (T,) which packet in decode order holds the frame.
        packet_pts: all packets' time stamps in decode order.
        keys: packets in decode order from which decoding can start, ascending.
        is_linear: frames can only be read from the start.
    """

    times: np.ndarray
    end: float
    start: float
    pts: np.ndarray
    packet: np.ndarray
    packet_pts: np.ndarray
    keys: np.ndarray
    is_linear: bool

    def __len__(self) -> int:
        return len(self.times)

    def frame_of(self, pts: int | None) -> int | None:
        """Give the number of the frame with this time stamp, or None if it is no frame of the index."""
        if pts is None:
            return None
        found = int(np.searchsorted(self.pts, pts))
        return found if found < len(self.pts) and self.pts[found] == pts else None

    def keys_before(self, frame: int) -> np.ndarray:
        """Give the key packets from which decoding reaches `frame`, nearest first; the last is the first key.

        A key packet shown after the frame is left out even if it is stored before it: the frame then refers
        to pictures before that key (an open group of pictures).
        """
        fit = (self.keys <= self.packet[frame]) & (self.packet_pts[self.keys] <= self.pts[frame])
        return self.keys[fit][::-1]


def index_packets(container: av.container.InputContainer, stream: av.VideoStream) -> FrameIndex | None:
    """Read all packets of a video stream and order them; the container stands at its end afterwards.

    Returns:
        The index, or None if the time stamps do not tell the order of the frames (a linear file).
    """
    codec = stream.codec_context.name
    pts, durations, is_key, is_shown = [], [], [], []
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.pts is None:
            return None
        pts.append(packet.pts)
        durations.append(packet.duration or 0)
        is_key.append(packet.is_keyframe and not packet.is_discard)
        is_shown.append(not packet.is_discard and not _is_hidden(packet, codec))
    if stream.container.format.name == "avi" and codec in _LINEAR_IN_AVI:
        return None
    packet_pts, keys, shown = np.array(pts, np.int64), np.flatnonzero(is_key), np.flatnonzero(is_shown)
    if len(keys) == 0:
        return None
    shown = shown[(shown >= keys[0]) & (packet_pts[shown] >= packet_pts[keys[0]])]
    order = shown[np.argsort(packet_pts[shown], kind="stable")]
    ordered = packet_pts[order]
    if len(order) == 0 or (np.diff(ordered) <= 0).any():
        return None
    times = (ordered - ordered[0]) * float(stream.time_base)
    last = durations[order[-1]] * float(stream.time_base)
    end = float(times[-1] + (last or typical_gap(times, stream_rate(stream))))
    start = float(ordered[0] * stream.time_base)
    return FrameIndex(times, end, start, ordered, order, packet_pts, keys, is_linear=False)


def linear_index(num_frames: int, rate: Fraction, start: float) -> FrameIndex:
    """Index `num_frames` frames at a constant rate, in the decoder's order."""
    nothing = np.zeros(0, np.int64)
    times = np.arange(num_frames) / float(rate)
    return FrameIndex(times, num_frames / float(rate), start, nothing, nothing, nothing, nothing, True)


def stream_rate(stream: av.VideoStream) -> Fraction:
    """Give the stream's mean frame rate; 25 where the file states none (single pictures)."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else Fraction(25)


def typical_gap(times: np.ndarray, rate: Fraction) -> float:
    """Give the median distance of frames in seconds; one over the rate for a single frame."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / float(rate)


def _is_hidden(packet: av.Packet, codec: str) -> bool:
    """VP8 stores alternate reference frames in packets of their own: never shown (RFC 6386, section 9.1)."""
    return codec == "vp8" and not (memoryview(packet)[0] >> 4) & 1
