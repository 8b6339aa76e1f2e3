"""`fommvg course` and `fommvg doctor`: run the notebooks, look at the machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from fommvg_lib.commands import options


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describe both commands' options."""
    course = commands.add_parser("course", help="run the notebooks and build the results page")
    course.add_argument("--profile", choices=("smoke", "colab", "full"), default="smoke")
    course.add_argument("--out", default="results/course", help="folder for runs (default: results/course)")
    course.add_argument("--only", help="notebook numbers, e.g. 04,05 (default: all)")
    course.add_argument("--jobs", type=options.positive_int, default=1, help="notebooks at the same time (1)")
    course.set_defaults(run=run_course)
    doctor = commands.add_parser("doctor", help="versions, device, codecs, weights, free disk")
    doctor.set_defaults(run=run_doctor)


def run_course(args: argparse.Namespace) -> int:
    """Run the course; status 1 if a notebook failed."""
    from fommvg_lib.course import run_course as run

    only = args.only.split(",") if args.only else None
    results = run(args.profile, Path(args.out), only, args.jobs)
    return 0 if all(result.ok for result in results) else 1


def run_doctor(args: argparse.Namespace) -> None:
    """Print the machine's report."""
    from fommvg_lib.doctor import main_text

    print(main_text())
