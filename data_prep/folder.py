"""Make a clip folder of any videos, gifs or folders of frames.

    python data_prep/folder.py --videos my_videos --out data/mine --crop face --shots

Source: your own files, any mix of mp4, mov, avi, webm, mkv, mpg, gif and folders of frames, in folders
as deep as you like. A folder `train`, `val` or `test` at the top decides the split of what is in it; without
them, a fifth of the identities is held out. Who is shown is read from the name: the text before '#', else the
whole path.

Terms: whatever applies to your files. Film people only with their consent.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from fommvg_lib.commands.options import positive_int
from fommvg_lib.commands.preparation import (
    Found,
    add_clip_options,
    add_split_options,
    crop_of,
    form_of,
    make_sources,
    preparation_parser,
    run,
)
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, VideoRecipe, find_videos, safe_name
from fommvg_lib.preparation.sources import key_of, stem_of

SPLITS = ("train", "val", "test")


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("folder.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder of videos, or one video")
    parser.add_argument(
        "--crop",
        default="center",
        help="center square, pad to a square, stretch, face (a fixed square for each face), X,Y,W,H (center)",
    )
    parser.add_argument("--shots", action="store_true", help="begin a new clip where a new shot begins")
    parser.add_argument("--length", type=positive_int, help="clips of exactly this many frames")
    parser.add_argument(
        "--identity", default="name", help="name, folder (the one a file is in), or a regex with one group"
    )
    add_clip_options(parser)
    add_split_options(parser)
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the sources, name them and divide them."""
    root = Path(args.videos)
    paths = find_videos(root, skip=Path(args.out))
    keys = [key_of(path, root) for path in paths]
    found = [
        Found(path, _name_of(path, key, args.identity), _given_split(key))
        for path, key in zip(paths, keys, strict=True)
    ]
    recipe = VideoRecipe(
        form_of(args),
        crop=crop_of(args.crop),
        fps=args.fps,
        folder_fps=args.folder_fps,
        length=args.length,
        min_frames=args.min_frames,
        max_frames=args.max_frames,
        splits_shots=args.shots,
    )
    return make_sources(args, root, found), recipe


def _given_split(key: str) -> str | None:
    top = key.split("/")[0]
    return top if "/" in key and top in SPLITS else None


def _name_of(path: Path, key: str, rule: str) -> str:
    """Name a source "<identity>" or "<identity>#<rest>"."""
    folders = key.split("/")[:-1]
    if folders and folders[0] in SPLITS:
        folders = folders[1:]
    stem = stem_of(path)
    if rule == "name":
        return safe_name("-".join([*folders, stem]))
    if rule == "folder":
        if not folders:
            raise InputError(f"{path}: lies in no folder that could tell its identity")
        return safe_name("-".join(folders).replace("#", "_") + "#" + stem.replace("#", "_"))
    try:
        found = re.search(rule, key)
    except re.error as error:
        raise InputError(f"--identity {rule!r}: is no regular expression ({error})") from error
    if found is None or not found.groups() or not found.group(1):
        raise InputError(f"{path}: --identity {rule!r} finds no group in {key!r}")
    rest = "-".join([*folders, stem]).replace("#", "_")
    return safe_name(found.group(1).replace("#", "_") + "#" + rest)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
