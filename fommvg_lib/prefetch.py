"""Work done ahead in a thread: what is slow to read is read while the one before is computed with."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from typing import TypeVar

Item = TypeVar("Item")
_PATIENCE_S = 0.1


def prefetch(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Yield items as they come, up to `depth` of them made ahead; their errors are raised in their place.

    Args:
        items: iterated in a thread of its own; whatever releases the interpreter (decoding) runs beside.
        depth: at least 1; so many items are in memory at most, and one more.
    """
    made: queue.Queue = queue.Queue(depth)
    is_over = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, is_over), daemon=True)
    thread.start()
    try:
        while True:
            item, error, is_last = made.get()
            if error is not None:
                raise error
            if is_last:
                return
            yield item
    finally:
        is_over.set()
        thread.join()


def _make(items: Iterable, made: queue.Queue, is_over: threading.Event) -> None:
    try:
        iterator = iter(items)
        with closing(iterator) if hasattr(iterator, "close") else nullcontext():
            for item in iterator:
                if not _put(made, (item, None, False), is_over):
                    return
    except BaseException as error:
        _put(made, (None, error, True), is_over)
    else:
        _put(made, (None, None, True), is_over)


def _put(made: queue.Queue, entry: tuple, is_over: threading.Event) -> bool:
    """Wait for room; False if nobody wants more."""
    while not is_over.is_set():
        try:
            made.put(entry, timeout=_PATIENCE_S)
        except queue.Full:
            continue
        return True
    return False
