"""The command line: `python -m fommvg_lib`, installed as `fommvg`.

Exit status: 0 done, 2 wrong usage or input (one line, no traceback), 1 anything else.
"""

from __future__ import annotations

import argparse
import sys

from fommvg_lib import __version__
from fommvg_lib.commands import animate, invent, motion, run_notebooks, train, weights
from fommvg_lib.commands.options import OneLineParser, printable
from fommvg_lib.files import InputError, RunError


def build_parser() -> OneLineParser:
    """Build the parser of all commands; nothing heavy is imported for it."""
    parser = OneLineParser(prog="fommvg", description="Video generation in motion space.")
    parser.add_argument("--version", action="version", version=f"fommvg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for group in (animate, invent, motion, train, weights, run_notebooks):
        group.add_parser(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; None takes them from the system.

    Returns:
        The exit status.
    """
    args = _parse(argv)
    try:
        return args.run(args) or 0
    except (InputError, RunError) as error:
        print(f"fommvg {args.command}: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print(f"fommvg {args.command}: interrupted", file=sys.stderr)
        return 130


def _parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse; the words left over are config changes where the command takes them, else an error."""
    parser = build_parser()
    args, rest = parser.parse_known_args(argv)
    if rest and (not hasattr(args, "assignments") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.assignments = rest
    return args


if __name__ == "__main__":
    sys.exit(main())
