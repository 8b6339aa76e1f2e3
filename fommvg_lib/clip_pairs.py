"""Pairs of clips for animation: one gives the source picture, another one drives it.

Pairs are drawn at random or read from a table as the First Order Motion Model's public release has them: CSV
with the header `distance,source,driving,frame`, one pair a row, clips by file name. `distance` (how far apart
the two poses are) is informative; `frame` is the driver's reference frame, 0 in all published tables. Unlike
the release, a clip is never paired with itself by chance, and a row that names an unknown clip is an error
instead of being passed over.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fommvg_lib.clips.layout import clip_name
from fommvg_lib.files import InputError

HEADER = ("distance", "source", "driving", "frame")
_SHUFFLED_WHOLE = 1_000_000


@dataclass(frozen=True)
class ClipPair:
    """Who is moved by whom.

    Attributes:
        source: name of the clip whose first frame is animated.
        driving: name of the clip that moves it.
        frame: number of the driver's reference frame; None leaves it to the animation's options.
    """

    source: str
    driving: str
    frame: int | None = None

    @property
    def name(self) -> str:
        """`<driving>-<source>`, as the public release names its results; a frame above 0 is told too."""
        return f"{self.driving}-{self.source}" + (f"-from{self.frame}" if self.frame else "")


def draw_pairs(names: Sequence[str], num_pairs: int, seed: int = 0) -> list[ClipPair]:
    """Draw pairs of different clips at random, none twice.

    More pairs from the same seed begin with the same pairs, so that a set can be added to.

    Args:
        names: of the clips.
        num_pairs: how many; where fewer are possible, all of them.
        seed: of the choice, from 0.

    Raises:
        InputError: if there is one clip only, or none.
        ValueError: if `num_pairs` is below 1 or the seed below 0.
    """
    if num_pairs < 1:
        raise ValueError(f"num_pairs must be at least 1, got {num_pairs}")
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    if len(names) < 2:
        raise InputError(f"a pair needs two clips, there is {len(names) or 'none'}")
    others = len(names) - 1
    pairs = []
    for number in _draw_numbers(len(names) * others, num_pairs, np.random.default_rng([seed])):
        source, place = divmod(number, others)
        pairs.append(ClipPair(names[source], names[place + (place >= source)]))
    return pairs


def _draw_numbers(total: int, count: int, generator: np.random.Generator) -> list[int]:
    """Draw different numbers below `total`: a shuffled list where it fits in memory, else by trial."""
    if total <= max(_SHUFFLED_WHOLE, 2 * count):
        return generator.permutation(total)[:count].tolist()
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[int(generator.integers(total))] = None
    return list(drawn)


def read_pairs(path: str | Path, names: Sequence[str]) -> list[ClipPair]:
    """Read a table of pairs.

    Args:
        path: the CSV file; its clips are file names, with or without a video's ending.
        names: of the clips there are.

    Raises:
        InputError: naming the file and the row (the header being row 1) if the file cannot be read, has
            another header, or a row has another number of cells, an unknown clip, a number that is none, or
            a pair that stood before.
    """
    path = Path(path)
    rows = _read_rows(path)
    if not rows or tuple(rows[0][1]) != HEADER:
        found = ",".join(rows[0][1])[:60] if rows else "nothing"
        raise InputError(f"{path}: row 1 must be the header {','.join(HEADER)}, it is {found}")
    known, seen, pairs = set(names), {}, []
    for number, cells in rows[1:]:
        try:
            pair = _parse_row(cells, known)
            if pair in seen:
                raise ValueError(f"repeats row {seen[pair]}")
        except ValueError as error:
            raise InputError(f"{path}: row {number} {error}") from error
        seen[pair] = number
        pairs.append(pair)
    if not pairs:
        raise InputError(f"{path}: holds no pair below its header")
    return pairs


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Give (line number, cells) of all lines that are not empty."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, a CSV file is needed")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error


def _parse_row(cells: list[str], known: set[str]) -> ClipPair:
    if len(cells) != len(HEADER):
        raise ValueError(f"has {len(cells)} cells instead of {len(HEADER)}")
    distance, source, driving, frame = cells
    try:
        is_number = math.isfinite(float(distance)) and float(distance) >= 0
    except ValueError:
        is_number = False
    if not is_number:
        raise ValueError(f"has the distance {distance!r}, which is no number from 0")
    if not (frame.isascii() and frame.isdecimal()):
        raise ValueError(f"has the frame {frame!r}, which is no whole number from 0")
    pair = ClipPair(clip_name(Path(source)), clip_name(Path(driving)), int(frame))
    for name in (pair.source, pair.driving):
        if name not in known:
            raise ValueError(f"names the clip {name!r}, which the data does not have")
    return pair
