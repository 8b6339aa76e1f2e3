"""Options and habits that the commands in `data_prep/` share: `python data_prep/<set>.py --help`.

Exit status as everywhere: 0 done, 2 wrong usage or input, or no clip came of it; 1 anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from fommvg_lib.commands.options import OneLineParser, positive_int, printable
from fommvg_lib.crop import CropBox, parse_crop
from fommvg_lib.files import InputError, RunError
from fommvg_lib.preparation import ClipForm, Outcome, Source, assign_splits, known_splits, prepare_set
from fommvg_lib.preparation.boxes import FITS
from fommvg_lib.preparation.prepare import plan_set
from fommvg_lib.preparation.published_boxes import PublishedClip, read_table
from fommvg_lib.preparation.sources import count_passed_over, find_video, key_of
from fommvg_lib.preparation.splits import TEST_SHARE
from fommvg_lib.preparation.work import Recipe
from fommvg_lib.preparation.writing import FORMATS

_SHOWN = 20


@dataclass(frozen=True)
class Found:
    """A source before its split is known; attributes as those of `Source`."""

    path: Path
    name: str
    split: str | None = None
    detail: Any = None
    fault: str | None = None

    @property
    def identity(self) -> str:
        """Give the name up to its first '#'."""
        return self.name.partition("#")[0]


Plan = Callable[[argparse.Namespace], tuple[Sequence[Source], Recipe]]


def preparation_parser(program: str, about: str, size: int = 256) -> OneLineParser:
    """Begin a command's parser with what all of them have: --out, --size, --format, --jobs, --dry-run, ...

    Args:
        program: the command's file name.
        about: its docstring: what it does, where the data comes from, under which terms.
        size: side of the clips by default.
    """
    parser = OneLineParser(
        prog=f"data_prep/{program}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="folder of the set; gets train/, test/ and manifest.csv")
    parser.add_argument("--size", type=int, default=size, help=f"side of the clips in pixels ({size})")
    parser.add_argument(
        "--format", choices=FORMATS, default="mp4", help="png: folders of frames, lossless (mp4)"
    )
    parser.add_argument("--crf", type=int, default=18, help="quality of mp4, lower is better (18)")
    parser.add_argument("--jobs", type=positive_int, default=1, help="processes at work (1)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and write nothing")
    overwrite = "make the set anew, with other settings too; clips of sources not given now are removed"
    parser.add_argument("--overwrite", action="store_true", help=overwrite)
    return parser


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """Add --test-share, --test-identities and --seed."""
    parser.add_argument(
        "--test-share", type=float, default=TEST_SHARE, help=f"of the identities held out ({TEST_SHARE})"
    )
    parser.add_argument("--test-identities", help="who is held out instead: a,b,c or a file with one a line")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of who is held out (0)")


def add_clip_options(
    parser: argparse.ArgumentParser, min_frames: int = 2, max_frames: int | None = None
) -> None:
    """Add --fps, --folder-fps, --min-frames and --max-frames."""
    parser.add_argument("--fps", type=float, help="frames per second of the clips (the source's mean)")
    parser.add_argument("--folder-fps", type=float, default=25.0, help="rate of a folder of frames (25)")
    parser.add_argument(
        "--min-frames",
        type=positive_int,
        default=min_frames,
        help=f"shorter clips are left out ({min_frames})",
    )
    longest = max_frames or "no limit"
    parser.add_argument(
        "--max-frames", type=positive_int, default=max_frames, help=f"longer ones are divided ({longest})"
    )


def form_of(args: argparse.Namespace, fill: str = "edge") -> ClipForm:
    """Read how clips are to be stored."""
    return ClipForm(args.size, args.format, args.crf, fill)


def crop_of(text: str) -> str | CropBox:
    """Read --crop: center, pad, stretch, face or X,Y,W,H.

    Raises:
        InputError: for anything else.
    """
    if text in (*FITS, "face"):
        return text
    box = None if text == "none" else parse_crop(text)
    if not isinstance(box, CropBox):
        raise InputError(f"crop {text!r}: say {', '.join(FITS)}, face or X,Y,W,H in whole pixels")
    return box


def splits_of(args: argparse.Namespace, identities: Iterable[str]) -> dict[str, str]:
    """Divide identities as the options say; those that the set has clips of stay where they are.

    Raises:
        InputError: if an identity to be held out is not there, or the list cannot be read.
    """
    people = set(identities)
    if args.test_identities is None:
        known = {} if args.overwrite else known_splits(args.out)
        try:
            return assign_splits(people, known, args.test_share, args.seed)
        except ValueError as error:
            raise InputError(f"--test-share: {error}") from error
    chosen = set(_read_list(args.test_identities))
    if missing := sorted(chosen - people):
        raise InputError(f"--test-identities: {missing[0]!r} is no identity of this set")
    return {name: "test" if name in chosen else "train" for name in people}


def make_sources(args: argparse.Namespace, root: Path, found: Iterable[Found]) -> list[Source]:
    """Make sources of what was found; those without a split are divided by identity as the options say.

    Raises:
        InputError: as for `splits_of`.
    """
    found = list(found)
    drawn = splits_of(args, {item.identity for item in found if item.split is None and item.fault is None})
    return [
        Source(
            item.path,
            key_of(item.path, root),
            item.name,
            item.split or drawn.get(item.identity, "train"),
            item.detail,
            item.fault,
        )
        for item in found
    ]


def table_sources(table: Path, videos: Path) -> list[Source]:
    """Make a source of each video that a published table names; one that is not there is rejected.

    Args:
        table: see `published_boxes`.
        videos: folder with files named `<video_id>.mp4` or another video's ending.

    Raises:
        InputError: if the table cannot be read, or there is no such folder.
    """
    if not videos.is_dir():
        raise InputError(f"{videos}: no such folder")
    groups: dict[tuple[str, str, str], list[PublishedClip]] = {}
    for clip in read_table(table):
        groups.setdefault((clip.person_id, clip.video_id, clip.partition), []).append(clip)
    sources = []
    for (person, video, partition), clips in groups.items():
        stem = video.partition("#")[0]
        path = find_video(videos, stem)
        fault = None if path else f"{videos}: holds no {stem}.mp4, or with another ending of a video"
        key = "/".join(part for part in (partition, person, stem) if part)
        sources.append(Source(path or videos / stem, key, clips[0].name, partition, tuple(clips), fault))
    return sources


def _read_list(text: str) -> list[str]:
    path = Path(text)
    if not path.is_file():
        return [name.strip() for name in text.split(",") if name.strip()]
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def run(parser: argparse.ArgumentParser, plan: Plan, argv: Sequence[str] | None = None) -> int:
    """Run a preparation command.

    Args:
        parser: of its options.
        plan: gives the sources and the recipe that the options mean.
        argv: the words after the program's name; None takes them from the system.

    Returns:
        The exit status.
    """
    args = parser.parse_args(argv)
    try:
        sources, recipe = plan(args)
        if args.dry_run:
            _tell_plan(sources, plan_set(sources, recipe, args.out, args.overwrite))
        else:
            show = lambda items, total: iter(tqdm(items, total=total, unit="source", disable=None))  # noqa: E731
            _tell(prepare_set(sources, recipe, args.out, args.jobs, args.overwrite, show), Path(args.out))
        _tell_passed_over(args, sources)
        return 0
    except (InputError, RunError) as error:
        print(f"{parser.prog}: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; run again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _tell_passed_over(args: argparse.Namespace, sources: Sequence[Source]) -> None:
    """Name what lies in the folder of videos and is no source, such as videos of other endings."""
    if getattr(args, "videos", None) is None:
        return
    kinds = count_passed_over(Path(args.videos), (source.path for source in sources), Path(args.out))
    if kinds:
        print("files passed over: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))


def _tell_plan(sources: Sequence[Source], plan: Mapping[str, str]) -> None:
    if not sources:
        raise InputError("there is nothing to prepare")
    splits = Counter(source.split for source in sources if source.fault is None)
    people = {split: {s.identity for s in sources if s.split == split and not s.fault} for split in splits}
    parts = [f"{split} {splits[split]} ({len(people[split])} identities)" for split in sorted(splits)]
    kinds = Counter(text.partition(":")[0] for text in plan.values())
    print(f"{len(sources)} sources: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    print("splits: " + (", ".join(parts) or "none"))
    for source in sources[:_SHOWN]:
        print(
            f"  {source.split:5}  {source.name}  <-  {printable(source.key)}  ({printable(plan[source.key])})"
        )
    if len(sources) > _SHOWN:
        print(f"  and {len(sources) - _SHOWN} more")
    if all(source.fault for source in sources):
        raise InputError(f"all {len(sources)} sources would be rejected")


def _tell(outcome: Outcome, out: Path) -> None:
    counts = outcome.counts()
    print(f"{len(outcome.done)} sources prepared now, {len(outcome.unchanged)} were done before")
    left = f", {counts['frames_left_out']} left out" if counts["frames_left_out"] else ""
    print(f"{out}: {counts['clips']} clips of {counts['frames']} frames{left}; see {out / 'manifest.csv'}")
    if counts["rejected"]:
        print(f"{counts['rejected']} rejected, see {out / 'rejected.csv'}")
