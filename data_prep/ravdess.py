"""Make a clip folder of RAVDESS: 24 actors who speak and sing two sentences in eight emotions.

    python data_prep/ravdess.py --videos ravdess --out data/ravdess

Source: the Video_Speech_Actor_NN.zip and Video_Song_Actor_NN.zip files at zenodo.org/record/1188976. Unpack
them into one folder. Files are named by seven numbers: modality, vocal channel, emotion, intensity,
statement, repetition, actor.

Terms: CC BY-NC-SA 4.0; cite S. Livingstone, F. Russo, "The Ryerson Audio-Visual Database of Emotional
Speech and Song (RAVDESS)", PLoS ONE 13(5), 2018.

Each video becomes one clip, cut out by a fixed square around the face. Sound is not kept. The set has no
published split: a fifth of the actors is held out by a draw, or name them with --test-identities.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fommvg_lib.commands.options import positive_int
from fommvg_lib.commands.preparation import (
    Found,
    add_split_options,
    form_of,
    make_sources,
    preparation_parser,
    run,
)
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, VideoRecipe, find_videos, safe_name
from fommvg_lib.preparation.sources import stem_of

NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)$")
FULL, VIDEO_ONLY = "01", "02"


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("ravdess.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder with the videos, as deep as they lie")
    parser.add_argument(
        "--modality",
        choices=(FULL, VIDEO_ONLY),
        default=FULL,
        help="01 files with sound, 02 without; they show the same (01)",
    )
    parser.add_argument("--step", type=positive_int, default=5, help="look for faces in every n-th frame (5)")
    add_split_options(parser)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the videos of the modality asked for."""
    root = Path(args.videos)
    found = list(_find(root, Path(args.out), args.modality))
    if not found:
        raise InputError(f"{root}: holds no video of modality {args.modality}")
    recipe = VideoRecipe(form_of(args), crop="face", step=args.step, one_track=True)
    return make_sources(args, root, found), recipe


def _find(root: Path, out: Path, modality: str) -> Iterator[Found]:
    for path in find_videos(root, skip=out):
        parts = NAME.match(stem_of(path))
        if parts is None:
            fault = "is not named by seven numbers, as RAVDESS's files are"
            yield Found(path, safe_name(stem_of(path)), "train", fault=fault)
        elif parts.group(1) == modality:
            yield Found(path, f"actor{parts.group(7)}#{parts.string}")


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
