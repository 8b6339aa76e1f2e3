"""Make a clip folder of FaceForensics++: the original videos, people who mostly speak to the camera.

    python data_prep/faceforensics.py --videos FaceForensics/original_sequences/youtube/c23/videos \\
        --splits FaceForensics/dataset/splits --out data/faceforensics

Source: github.com/ondyari/FaceForensics; its authors send the download script to those who fill in their
form. The splits are train.json, val.json and test.json of that repository, lists of pairs of video numbers.

Terms: the FaceForensics Terms of Use: research and education without commercial use, no passing on. Take the
original sequences only, not the manipulated ones.

Of each video the longest face track is kept, cut out by a fixed square; shots are told apart. The number of
the video is its identity. Without --splits a fifth of the videos is held out by a draw.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fommvg_lib.commands.options import positive_int
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
from fommvg_lib.preparation.sources import stem_of

SPLITS = ("train", "val", "test")


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("faceforensics.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder with the original videos, NNN.mp4")
    parser.add_argument("--splits", help="folder with train.json, val.json and test.json")
    parser.add_argument("--step", type=positive_int, default=5, help="look for faces in every n-th frame (5)")
    add_clip_options(parser, min_frames=16)
    add_split_options(parser)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the videos; the identity of NNN.mp4 is NNN, that of 01__kitchen.mp4 is 01."""
    root = Path(args.videos)
    listed = None if args.splits is None else read_splits(Path(args.splits))
    found = []
    for path in find_videos(root, skip=Path(args.out)):
        stem = stem_of(path)
        name = safe_name(stem.replace("__", "#", 1))
        if listed is None:
            found.append(Found(path, name))
        else:
            fault = None if stem in listed else "stands in none of the split files"
            found.append(Found(path, name, listed.get(stem, "train"), fault=fault))
    recipe = VideoRecipe(
        form_of(args),
        crop="face",
        fps=args.fps,
        folder_fps=args.folder_fps,
        min_frames=args.min_frames,
        max_frames=args.max_frames,
        splits_shots=True,
        step=args.step,
        one_track=True,
    )
    return make_sources(args, root, found), recipe


def read_splits(folder: Path) -> dict[str, str]:
    """Read the split files: a JSON list of pairs of video numbers each.

    Raises:
        InputError: naming the file that is missing, has another form, or repeats a number of another.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.json"
        try:
            pairs = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise InputError(f"{path}: is no JSON ({error})") from error
        if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
            raise InputError(f"{path}: is no list of pairs")
        for number in (str(number) for pair in pairs for number in pair):
            if splits.setdefault(number, split) != split:
                raise InputError(f"{path}: has video {number}, which {splits[number]}.json has too")
    return splits


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
