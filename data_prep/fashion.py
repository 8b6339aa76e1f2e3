"""Make a clip folder of UBC Fashion: women who turn in front of a white wall.

    python data_prep/fashion.py --videos fashion --lists DwNet/datasets --out data/fashion

Source: vision.cs.ubc.ca/datasets/fashion, lists fashion_train.txt and fashion_test.txt of 500 and 100
addresses (P. Zablotskaia, A. Siarohin, B. Zhao, L. Sigal, "DwNet", BMVC 2019). Load what the addresses
still give, into one folder or into train/ and test/. This command downloads nothing.

Terms: CC BY-NC 4.0 by the page; the videos are advertisements of a shop.

Whole videos, padded to a square with the colour of their border: the models stand, a centre square would cut
off head and feet. --crop center or stretch does otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fommvg_lib.commands.preparation import (
    Found,
    add_clip_options,
    add_split_options,
    form_of,
    make_sources,
    preparation_parser,
    run,
)
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, VideoRecipe, find_videos, safe_name
from fommvg_lib.preparation.boxes import FITS
from fommvg_lib.preparation.sources import key_of, stem_of

SPLITS = ("train", "test")


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("fashion.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder of videos, or with train/ and test/ in it")
    parser.add_argument("--lists", help="folder with fashion_train.txt and fashion_test.txt")
    parser.add_argument("--crop", choices=FITS, default="pad", help="how a picture becomes square (pad)")
    add_clip_options(parser)
    add_split_options(parser)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the videos; the lists decide the split, else the folder, else a draw."""
    root = Path(args.videos)
    listed = None if args.lists is None else read_lists(Path(args.lists))
    found = []
    for path in find_videos(root, skip=Path(args.out)):
        stem = stem_of(path)
        top = key_of(path, root).split("/")[0]
        split, fault = (top if top in SPLITS else None), None
        if listed is not None:
            split = listed.get(stem, "train")
            fault = None if stem in listed else "stands in neither list"
        found.append(Found(path, safe_name(stem.replace("#", "_")), split, fault=fault))
    recipe = VideoRecipe(
        form_of(args),
        crop=args.crop,
        fps=args.fps,
        folder_fps=args.folder_fps,
        min_frames=args.min_frames,
        max_frames=args.max_frames,
    )
    return make_sources(args, root, found), recipe


def read_lists(folder: Path) -> dict[str, str]:
    """Read the two lists: an address in each line, whose last part names the file.

    Raises:
        InputError: naming the list that is missing or empty.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"fashion_{split}.txt"
        try:
            lines = path.read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if not lines:
            raise InputError(f"{path}: is empty")
        splits |= {PurePosixPath(line).stem: split for line in lines}
    return splits


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
