"""Make a clip folder of MUG: faces that show anger, disgust, fear, happiness, sadness and surprise.

    python data_prep/mug.py --frames subjects3 --split-files splits --out data/mug --size 64

Source: the MUG Facial Expression Database, mug.ee.auth.gr/fed, whose authors give access to researchers who
sign their licence (N. Aifanti, C. Papachristou, A. Delopoulos, "The MUG Facial Expression Database", WIAMIS
2010). Frames lie as <subject>/<expression>/take000/img_0000.jpg. The split files train.txt, val.txt and
test.txt are those of the public release of "Learning to Forecast and Refine Residual Motion" (ECCV 2018): a
line `subject expression take image` for each frame.

Terms: research without commercial use, no passing on; the licence says which subjects may be shown.

One clip for each take, cut out by one box for all its frames: 1.34 times the face of the first frame, a
little above its centre; what lies outside the picture is black. Without --split-files the release's
subjects are used: 19 train, 19 val, 12 test. The release takes the face from 68 landmarks and shifts the
box by where it lies in the picture; here it is a detector's square, and the shift is a share of the box.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fommvg_lib.commands.options import positive_int
from fommvg_lib.commands.preparation import Found, form_of, make_sources, preparation_parser, run
from fommvg_lib.crop import CropBox
from fommvg_lib.faces import find_face
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, Stretch, VideoRecipe
from fommvg_lib.preparation.footage import Footage
from fommvg_lib.preparation.videos import uncovered
from fommvg_lib.video_io.folder import list_frames

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
SUBJECTS = {
    "train": "001 007 008 014 020 021 030 033 037 040 044 048 060 063 066 072 075 078 083",
    "val": "006 010 013 017 027 031 032 034 038 042 045 052 061 064 070 073 076 079 084",
    "test": "028 036 039 043 046 055 062 065 071 074 077 082",
}
TAKE = re.compile(r"take\d{3}$")
FPS = 19.0  # of the database, by its paper
BOX_SCALE = 0.95 * 2**0.5  # spec: .95 of a square of side 2 sqrt(2) r, r being half a face
BOX_RISE = 0.08  # of the box's side

Splits = dict[tuple[str, str, str], tuple[str, set[str]]]


@dataclass(frozen=True)
class MugRecipe(VideoRecipe):
    """One clip for each take; `source.detail` holds the pictures that a split file lists, or None for all."""

    def cut(self, source: Source, footage: Footage) -> list[Stretch]:
        """Find the box in the first frame that is used."""
        first, stop = self._listed(source, len(footage))
        frame = next(footage.frames(first, stop))
        face = find_face(frame) or find_face(frame, is_thorough=True)
        if face is None:
            raise InputError(f"{source.path}: no face was found in its first frame")
        side = round(BOX_SCALE * face.width)
        x = round(face.x + face.width / 2 - side / 2)
        y = round(face.y + face.width / 2 - side / 2 - BOX_RISE * side)
        numbers = count()
        return [
            *self.pieces(source, numbers, first, stop, CropBox(x, y, side, side)),
            *uncovered([(first, stop)], len(footage), "no split file lists these frames"),
        ]

    def _listed(self, source: Source, num_frames: int) -> tuple[int, int]:
        if source.detail is None:
            return 0, num_frames
        names = [path.name for path in list_frames(source.path)]
        if missing := sorted(source.detail - set(names)):
            raise InputError(f"{source.path}: lacks {missing[0]}, which a split file lists")
        places = [place for place, name in enumerate(names) if name in source.detail]
        first, stop = places[0], places[-1] + 1
        if len(places) != stop - first:
            raise InputError(f"{source.path}: a split file lists {len(places)} frames with gaps between them")
        return first, stop


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("mug.py", __doc__, size=64)
    parser.add_argument("--frames", required=True, help="folder with <subject>/<expression>/take000/")
    parser.add_argument("--split-files", help="folder with train.txt, val.txt and test.txt")
    parser.add_argument("--folder-fps", type=float, default=FPS, help="rate of the frames (19)")
    parser.add_argument("--min-frames", type=positive_int, default=2, help="shorter takes are left out (2)")
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], MugRecipe]:
    """Find the takes of the six expressions."""
    root = Path(args.frames)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    listed = None if args.split_files is None else read_splits(Path(args.split_files))
    found = list(_find(root, listed))
    if not found:
        raise InputError(
            f"{root}: holds no folder <subject>/<expression>/take000 of one of the six expressions"
        )
    args.test_identities, args.test_share, args.seed = None, 0.0, 0
    recipe = MugRecipe(form_of(args, "black"), folder_fps=args.folder_fps, min_frames=args.min_frames)
    return make_sources(args, root, found), recipe


def _find(root: Path, listed: Splits | None) -> Iterator[Found]:
    subjects = {number: split for split, numbers in SUBJECTS.items() for number in numbers.split()}
    for path in sorted(root.glob("*/*/take*")):
        subject, expression, take = path.relative_to(root).parts
        if not path.is_dir() or not TAKE.match(take) or expression not in EXPRESSIONS:
            continue
        name = f"{subject}#{expression}-{take}"
        if listed is None:
            fault = None if subject in subjects else "its subject is in none of the published splits"
            yield Found(path, name, subjects.get(subject, "train"), fault=fault)
        elif (subject, expression, take) in listed:
            split, images = listed[subject, expression, take]
            yield Found(path, name, split, images)
        else:
            yield Found(path, name, "train", fault="stands in none of the split files")


def read_splits(folder: Path) -> Splits:
    """Read the split files: for each (subject, expression, take) its split and the names of its pictures.

    Raises:
        InputError: naming the file and the line that is wrong, or that puts a subject into a second split.
    """
    takes: Splits = {}
    subjects: dict[str, str] = {}
    for split in SUBJECTS:
        path = folder / f"{split}.txt"
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        for number, line in enumerate(lines, 1):
            cells = line.split()
            if not cells:
                continue
            if len(cells) != 4:
                raise InputError(f"{path}: line {number} is not `subject expression take image`")
            subject, expression, take, image = cells
            if subjects.setdefault(subject, split) != split:
                raise InputError(
                    f"{path}: line {number} has subject {subject}, as {subjects[subject]}.txt has"
                )
            takes.setdefault((subject, expression, take), (split, set()))[1].add(image)
    return takes


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
