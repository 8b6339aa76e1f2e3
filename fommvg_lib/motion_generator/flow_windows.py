"""How a long motion is completed window by window, so that nothing shows where two windows meet.

Each window begins within what is finished: its first frames, up to `overlap` of them, are known to it. What
lies before the first known frame is made last, in the other direction. A known frame that a window does not
yet see must not surprise the next one: of a window that ends less than `approach` frames before such a
frame, only what lies further from it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Frames `start` to `stop` are completed together; of what is new, `keep_start` to `keep_stop` stays."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int

    def mirrored(self, num_frames: int) -> Window:
        """Give the window seen with the time turned round."""
        keep = num_frames - self.keep_stop, num_frames - self.keep_start
        return Window(num_frames - self.stop, num_frames - self.start, *keep)


def plan_windows(known: Tensor, longest: int) -> list[Window]:
    """Plan the windows that complete one motion, in their order.

    Args:
        known: (T,) bool, at least one.
        longest: frames of a window at most, at least 4; a quarter of them is the overlap, three eighths the
            way along which an unseen known frame is approached.

    Returns:
        One window if all fit into it; none if nothing is unknown.
    """
    num_frames = len(known)
    if bool(known.all()):
        return []
    if num_frames <= longest:
        return [Window(0, num_frames, 0, num_frames)]
    done = known.clone().cpu()
    first = int(done.int().argmax())
    forward = _plan_forward(done[first:], longest)
    forward = [Window(*(first + place for place in _places(window))) for window in forward]
    done[first:] = True
    backward = [window.mirrored(num_frames) for window in _plan_forward(done.flip(0), longest)]
    return forward + backward


def _plan_forward(known: Tensor, longest: int) -> list[Window]:
    """Plan windows from a first frame that is known to the end."""
    overlap, approach = longest // 4, 3 * longest // 8
    num_frames, windows, place = len(known), [], 0
    while True:
        unknown = (~known[place:]).nonzero()
        if len(unknown) == 0:
            return windows
        new = place + int(unknown[0])
        start = max(0, new - overlap)
        stop = min(num_frames, start + longest)
        place = _last_kept(known, new, stop, approach)
        windows.append(Window(start, stop, new, place))


def _last_kept(known: Tensor, new: int, stop: int, approach: int) -> int:
    """Give where a window's new frames end that are kept."""
    later = known[stop : stop + approach].nonzero()
    if len(later) == 0 or bool(known[stop - 1]):
        return stop
    return max(new + 1, stop + int(later[0]) - approach)


def _places(window: Window) -> tuple[int, int, int, int]:
    return window.start, window.stop, window.keep_start, window.keep_stop
