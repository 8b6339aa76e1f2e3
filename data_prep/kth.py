"""Make a clip folder of the KTH actions: grey people who walk, jog, run, box, wave and clap.

    python data_prep/kth.py --videos kth --out data/kth/128x128 --size 128

Source: six zip files of AVI files, 160 x 120 pixels, 25 frames a second, on the page "Recognition of human
actions" of KTH, the Royal Institute of Technology (www.csc.kth.se/cvap/actions). Unpack them into one folder.
There are 599 files named personPP_action_dN_uncomp.avi: 25 persons, 6 actions, 4 scenes.

Terms: the page asks to cite C. Schuldt, I. Laptev, B. Caputo, "Recognizing Human Actions: A Local SVM
Approach", ICPR 2004. It grants no licence to pass the videos on.

Clips are the middle 120 x 120 pixels, 16 frames each, one after the other. Person 25 is held out for testing
and person 24 for validation, as in the video completion project of CSE 291G.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from fommvg_lib.commands.options import positive_int
from fommvg_lib.commands.preparation import Found, form_of, make_sources, preparation_parser, run
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, Stretch, VideoRecipe, find_videos
from fommvg_lib.preparation.boxes import fit_box
from fommvg_lib.preparation.footage import Footage
from fommvg_lib.preparation.sources import safe_name
from fommvg_lib.preparation.videos import uncovered

LENGTH = 16  # of the video completion project
NAME = re.compile(r"person(\d\d)_([a-z]+)_d(\d)(?:_uncomp)?$")
SEQUENCES = re.compile(r"person(\d\d)_([a-z]+)_d(\d)\s+frames\s+(.*)$")


@dataclass(frozen=True)
class KthRecipe(VideoRecipe):
    """Pieces of the annotated sequences, where `source.detail` holds them as (first, stop)."""

    def cut(self, source: Source, footage: Footage) -> list[Stretch]:
        """Cut each sequence for itself; between them the stage is empty."""
        if source.detail is None:
            return super().cut(source, footage)
        box, numbers, num_frames = fit_box("center", footage.height, footage.width), count(), len(footage)
        parts = [(first, min(stop, num_frames)) for first, stop in source.detail if first < num_frames]
        cut = [piece for first, stop in parts for piece in self.pieces(source, numbers, first, stop, box)]
        return [*cut, *uncovered(parts, num_frames, "no sequence is annotated here")]


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("kth.py", __doc__, size=128)
    parser.add_argument("--videos", required=True, help="folder with the AVI files")
    parser.add_argument("--length", type=positive_int, help=f"frames of a clip ({LENGTH})")
    parser.add_argument("--whole", action="store_true", help="whole videos instead of clips of one length")
    parser.add_argument("--sequences", help="the set's 00sequences.txt: cut only where somebody acts")
    parser.add_argument("--test-persons", default="25", help="numbers, e.g. 24,25 (25)")
    parser.add_argument("--val-persons", default="24", help="numbers, or none; they go to val/ (24)")
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the videos and divide them by person."""
    if args.whole and args.length is not None:
        raise InputError("--whole and --length contradict each other: give one of them")
    root = Path(args.videos)
    splits = dict.fromkeys(_persons(args.val_persons), "val") | dict.fromkeys(
        _persons(args.test_persons), "test"
    )
    sequences = None if args.sequences is None else read_sequences(Path(args.sequences))
    args.test_identities, args.test_share, args.seed = None, 0.0, 0
    found = _find(root, Path(args.out), splits, sequences)
    length = None if args.whole else args.length or LENGTH
    return make_sources(args, root, found), KthRecipe(form_of(args), length=length)


def _find(root: Path, out: Path, splits: dict[str, str], sequences: dict | None) -> Iterator[Found]:
    for path in find_videos(root, skip=out):
        parts = NAME.match(path.stem)
        if parts is None:
            yield Found(
                path, safe_name(path.stem), "train", fault="is not named personPP_action_dN_uncomp.avi"
            )
            continue
        person, action, scene = parts.groups()
        found = Found(path, f"person{person}#{action}_d{scene}", splits.get(person, "train"))
        if sequences is not None:
            found = replace(found, detail=sequences.get(parts.groups()))
            if found.detail is None:
                found = replace(found, fault="has no line in the list of sequences")
        yield found


def _persons(text: str) -> list[str]:
    numbers = [] if text == "none" else text.split(",")
    if not all(number.strip().isdecimal() for number in numbers):
        raise InputError(f"persons {text!r}: say numbers with commas between, or none")
    return [f"{int(number):02d}" for number in numbers]


def read_sequences(path: Path) -> dict[tuple[str, str, str], tuple[tuple[int, int], ...]]:
    """Read 00sequences.txt: lines like `person01_boxing_d1  frames  1-95, 96-185`, counted from 1.

    Returns:
        (first, stop) counted from 0, by (person, action, scene).

    Raises:
        InputError: naming the file, and the line where one cannot be understood.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    found = {}
    for number, line in enumerate(lines, 1):
        parts = SEQUENCES.match(line.strip())
        if parts is None:
            continue  # the text above the list
        ranges = re.findall(r"(\d+)\s*-\s*(\d+)", parts.group(4))
        if not ranges or any(int(first) < 1 or int(last) < int(first) for first, last in ranges):
            raise InputError(f"{path}: line {number} holds no ranges of frames")
        found[parts.group(1, 2, 3)] = tuple((int(first) - 1, int(last)) for first, last in ranges)
    if not found:
        raise InputError(f"{path}: holds no line like `person01_boxing_d1 frames 1-95, 96-185`")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
