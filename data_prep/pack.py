"""Pack a clip folder for fast training: `python data_prep/pack.py --data my_clips --out my_clips.packed`.

Every frame is decoded once, made square, resized and written to one file that training maps into memory. The
packed folder takes the place of the clip folder: `fommvg train fomm --data my_clips.packed`. It is large
(a frame of 256 x 256 takes 197 kB, a third of that where clips are grey), so this suits many small clips.
Packing again does nothing unless a clip was added, changed or taken away.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm.auto import tqdm

from fommvg_lib.clips.packed import read_index
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.files import InputError


def main(argv: list[str] | None = None) -> int:
    """Pack, or check what is packed; give the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="clip folder")
    parser.add_argument("--out", required=True, help="the packed folder")
    parser.add_argument("--size", type=int, help="side in pixels (default: that of the first clip)")
    parser.add_argument("--check", action="store_true", help="only compare what is packed with its hash")
    args = parser.parse_args(argv)
    if args.data is None and not args.check:
        parser.error("--data is needed")
    try:
        print(_check(Path(args.out)) if args.check else _pack(args))
    except InputError as error:
        print(f"data_prep/pack.py: {error}", file=sys.stderr)
        return 2
    return 0


def _check(out: Path) -> str:
    index = read_index(out)
    index.verify()
    return f"{out}: {len(index.clips)} clips at {index.size} px are intact"


def _pack(args: argparse.Namespace) -> str:
    index, is_new = pack_clips(
        args.data, args.out, args.size, show=lambda clips: tqdm(clips, unit="clip", disable=None)
    )
    for name, reason in index.rejected.items():
        print(f"rejected {name}: {reason}", file=sys.stderr)
    frames = sum(clip.num_frames for clip in index.clips)
    facts = f"{len(index.clips)} clips, {frames} frames at {index.size} px, {index.num_bytes / 1e6:.1f} MB"
    rejected = f"; {len(index.rejected)} rejected" if index.rejected else ""
    return f"{'packed' if is_new else 'already packed:'} {facts} in {args.out}{rejected}"


if __name__ == "__main__":
    sys.exit(main())
