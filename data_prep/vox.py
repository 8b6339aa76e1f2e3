"""Make a clip folder of VoxCeleb, or of talking heads laid out like it, from videos that you have.

    python data_prep/vox.py --videos youtube-vox --metadata vox-metadata.csv --out data/vox
    python data_prep/vox.py --videos youtube-vox --annotations txt --out data/vox
    python data_prep/vox.py --videos vox2/mp4 --out data/vox

Source: (1) with --metadata, the table vox-metadata.csv of github.com/AliaksandrSiarohin/video-preprocessing
and YouTube videos named <video_id>.mp4; (2) with --annotations, the same videos and the text files
idNNNNN/<video>/<utterance>.txt of VoxCeleb's authors (www.robots.ox.ac.uk/~vgg/data/voxceleb); (3) without
either, videos as idNNNNN/<video>/<utterance>.mp4, the layout of those authors' archives, in which faces are
looked for. This command downloads nothing: many of the videos are gone, and YouTube's terms do not allow it.
What is named and you lack is listed in rejected.csv.

Terms: VoxCeleb's metadata is under CC BY 4.0, the videos belong to those who uploaded them. They show real
people who did not agree to be animated: keep to research on your own machine, and label what you make.

Clips are named id#video#.... With the table its partition decides the split; else a folder named dev, train
or test on the way to the file does, else the speaker: id10270 to id10309 are VoxCeleb1's test speakers.
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
    add_clip_options,
    form_of,
    make_sources,
    preparation_parser,
    run,
    table_sources,
)
from fommvg_lib.files import InputError
from fommvg_lib.preparation import Source, VideoRecipe, find_videos, safe_name
from fommvg_lib.preparation.published_boxes import PublishedBoxes
from fommvg_lib.preparation.sources import find_video, key_of, stem_of
from fommvg_lib.preparation.vox_annotations import AnnotatedRecipe
from fommvg_lib.video_io.folder import FOLDER_FPS

SPEAKER = re.compile(r"id\d{5}$")
TEST_SPEAKERS = range(10270, 10310)
MIN_FRAMES, MAX_FRAMES = 64, 1024
DEFAULTS = {
    "boxes": "square",
    "step": 5,
    "folder_fps": FOLDER_FPS,
    "min_frames": MIN_FRAMES,
    "max_frames": MAX_FRAMES,
}
WITHOUT_EFFECT = {
    "--metadata": ("step", "folder_fps", "min_frames", "max_frames"),
    "--annotations": ("boxes", "step", "folder_fps", "max_frames"),
    "face tracks": ("boxes",),
}
FOLDERS = {"dev": "train", "train": "train", "test": "test"}


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("vox.py", __doc__)
    parser.add_argument("--videos", required=True, help="folder of videos, in one of the layouts above")
    parser.add_argument("--metadata", help="vox-metadata.csv: take its boxes instead of looking for faces")
    parser.add_argument("--annotations", help="folder of VoxCeleb's text files: take their boxes")
    squares = "with --metadata: grow a box to a square, or squeeze it as the release does (square)"
    parser.add_argument("--boxes", choices=("square", "stretch"), help=squares)
    parser.add_argument("--min-box", type=int, default=0, help="narrower boxes, in pixels, are left out (0)")
    parser.add_argument("--step", type=positive_int, help="look for faces in every n-th frame (5)")
    add_clip_options(parser, min_frames=MIN_FRAMES, max_frames=MAX_FRAMES)
    parser.set_defaults(**dict.fromkeys(("boxes", "step", "folder_fps", "min_frames", "max_frames")))
    return parser


def _settle(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing here, and give the others their defaults."""
    where = "--metadata" if args.metadata else "--annotations" if args.annotations else "face tracks"
    for name in WITHOUT_EFFECT[where]:
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} has no effect with {where}")
    given = {name: value for name, value in vars(args).items() if value is not None}
    vars(args).update(DEFAULTS | given)


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], VideoRecipe]:
    """Find the videos."""
    root = Path(args.videos)
    if args.metadata and args.annotations:
        raise InputError("--metadata and --annotations contradict each other: give one of them")
    _settle(args)
    if args.metadata:
        recipe = PublishedBoxes(form_of(args), fps=args.fps, min_box=args.min_box, boxes=args.boxes)
        return table_sources(Path(args.metadata), root), recipe
    if args.annotations:
        recipe = AnnotatedRecipe(
            form_of(args), fps=args.fps, min_frames=args.min_frames, min_box=args.min_box
        )
        return list(_annotated(Path(args.annotations), root)), recipe
    recipe = VideoRecipe(
        form_of(args),
        crop="face",
        fps=args.fps,
        folder_fps=args.folder_fps,
        min_frames=args.min_frames,
        max_frames=args.max_frames,
        splits_shots=True,
        min_box=args.min_box,
        step=args.step,
    )
    args.test_identities, args.test_share, args.seed = None, 0.0, 0
    return make_sources(args, root, _find(root, Path(args.out))), recipe


def _annotated(folder: Path, videos: Path) -> Iterator[Source]:
    """Give a source for each video of each speaker that has text files."""
    for place in (folder, videos):
        if not place.is_dir():
            raise InputError(f"{place}: no such folder")
    groups = sorted({path.parent for path in folder.glob("id*/*/*.txt") if SPEAKER.match(path.parts[-3])})
    if not groups:
        raise InputError(f"{folder}: holds no idNNNNN/<video>/<utterance>.txt")
    for group in groups:
        speaker, video = group.parts[-2:]
        path = find_video(videos, video)
        fault = None if path else f"{videos}: holds no {video}.mp4, or with another ending of a video"
        detail = tuple(sorted(group.glob("*.txt")))
        name = safe_name(f"{speaker}#{video}")
        split = "test" if int(speaker[2:]) in TEST_SPEAKERS else "train"
        yield Source(path or videos / video, f"{speaker}/{video}", name, split, detail, fault)


def _find(root: Path, out: Path) -> Iterator[Found]:
    for path in find_videos(root, skip=out):
        folders = key_of(path, root).split("/")[:-1]
        place = next((k for k, name in enumerate(folders) if SPEAKER.match(name)), None)
        if place is None:
            yield Found(
                path, safe_name(stem_of(path)), "train", fault="lies in no folder of a speaker, idNNNNN"
            )
            continue
        speaker = folders[place]
        given = next((FOLDERS[name] for name in folders[:place] if name in FOLDERS), None)
        by_speaker = "test" if int(speaker[2:]) in TEST_SPEAKERS else "train"
        rest = "#".join([*folders[place + 1 :], stem_of(path)])
        yield Found(path, safe_name(f"{speaker}#{rest}"), given or by_speaker)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
