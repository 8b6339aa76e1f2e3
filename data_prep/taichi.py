"""Make the TaiChi-HD clip folder from its published table of boxes and videos that you have.

    python data_prep/taichi.py --videos youtube-taichi --metadata taichi-metadata.csv --out data/taichi

Source: the table taichi-metadata.csv of the First Order Motion Model's public release, folder
data/taichi-loading (github.com/AliaksandrSiarohin/first-order-model). The videos are on YouTube, named by
`video_id`. This command downloads nothing: many of them are gone, and YouTube's terms do not allow it. Put
what you have the right to use into one folder as <video_id>.mp4; the others are listed in rejected.csv.

Terms: the videos belong to those who uploaded them; the table is part of a release under the MIT licence.

Clips are named <video_id>#<start>#<end> and lie in the table's train and test partition.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fommvg_lib.commands.preparation import form_of, preparation_parser, run, table_sources
from fommvg_lib.preparation import Source
from fommvg_lib.preparation.published_boxes import PublishedBoxes


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("taichi.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder with <video_id>.mp4, or other endings")
    parser.add_argument("--metadata", required=True, help="taichi-metadata.csv")
    squares = "square: grow a box to a square; stretch: squeeze it, as the release does (square)"
    parser.add_argument("--boxes", choices=("square", "stretch"), default="square", help=squares)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], PublishedBoxes]:
    """Find the table's videos."""
    sources = table_sources(Path(args.metadata), Path(args.videos))
    return sources, PublishedBoxes(form_of(args), boxes=args.boxes)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
