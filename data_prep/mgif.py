"""Make a clip folder of MGif: cartoon animals that walk and run.

    python data_prep/mgif.py --videos moving-gif --out data/moving-gif

Source: the archive moving-gif linked from the page of the First Order Motion Model
(github.com/AliaksandrSiarohin/first-order-model, section Datasets), 1000 animated pictures collected for
Monkey-Net (A. Siarohin et al., CVPR 2019). Unpack it: train/ and test/ with gifs or folders of frames.

Terms: none are stated; the pictures were found on the web and belong to those who drew them.

Whole gifs, padded to a square with the colour of their border. Transparent pictures are laid on white. Gifs
whose frames last differently long get one rate, the mean; --fps chooses another.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fommvg_lib.commands.preparation import (
    Found,
    add_clip_options,
    add_split_options,
    form_of,
    make_sources,
    preparation_parser,
    run,
)
from fommvg_lib.preparation import Source, VideoRecipe, find_videos, safe_name
from fommvg_lib.preparation.boxes import FITS
from fommvg_lib.preparation.sources import key_of, stem_of

SPLITS = ("train", "test")


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("mgif.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder of gifs, or with train/ and test/ in it")
    parser.add_argument("--crop", choices=FITS, default="pad", help="how a picture becomes square (pad)")
    add_clip_options(parser)
    add_split_options(parser)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the gifs; their folder decides the split, else a draw."""
    root = Path(args.videos)
    found = []
    for path in find_videos(root, skip=Path(args.out)):
        top, *_ = parts = key_of(path, root).split("/")
        split = top if len(parts) > 1 and top in SPLITS else None
        found.append(Found(path, safe_name(stem_of(path).replace("#", "_")), split))
    recipe = VideoRecipe(
        form_of(args),
        crop=args.crop,
        fps=args.fps,
        folder_fps=args.folder_fps,
        min_frames=args.min_frames,
        max_frames=args.max_frames,
    )
    return make_sources(args, root, found), recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
