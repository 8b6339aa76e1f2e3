"""Write the synthetic talking heads as a clip folder: `python data_prep/synthetic.py --out data/heads`.

The set is made, not downloaded; the same options always give the same frames. Use it to try the whole data
path (clips on disk, extraction, training from a folder) before your own videos are ready.
"""

from __future__ import annotations

import argparse
import sys

from fommvg_lib.files import InputError
from fommvg_lib.synthetic import write_clip_folder


def main(argv: list[str] | None = None) -> int:
    """Write the folder; give the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="folder; gets train/, test/ and truth/")
    parser.add_argument("--num-train", type=int, default=80, help="identities in train (80, at most 800)")
    parser.add_argument("--num-test", type=int, default=20, help="identities in test (20, at most 200)")
    parser.add_argument("--clips", type=int, default=1, help="clips of each identity (1)")
    parser.add_argument("--frames", type=int, default=64, help="frames of each clip (64)")
    parser.add_argument("--size", type=int, default=64, help="side in pixels, 32 to 256 (64)")
    parser.add_argument("--format", choices=("mp4", "png"), default="mp4", help="png is lossless (mp4)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other people (0)")
    args = parser.parse_args(argv)
    try:
        written = write_clip_folder(
            args.out,
            args.num_train,
            args.num_test,
            args.clips,
            args.frames,
            args.size,
            format=args.format,
            seed=args.seed,
        )
    except (InputError, ValueError) as error:
        print(f"data_prep/synthetic.py: {error}", file=sys.stderr)
        return 2
    print(f"wrote {len(written)} clips under {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
