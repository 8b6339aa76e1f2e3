"""`--shard I/N`, or which part of the work a launcher gave to this process.

torchrun numbers its processes (RANK of WORLD_SIZE), a SLURM array its tasks (SLURM_ARRAY_TASK_ID of
SLURM_ARRAY_TASK_COUNT, counted from SLURM_ARRAY_TASK_MIN by SLURM_ARRAY_TASK_STEP). Under both at once each
task's part is divided among its processes.
"""

from __future__ import annotations

import argparse
import os

from fommvg_lib.commands import options
from fommvg_lib.files import InputError
from fommvg_lib.share import WHOLE, Share


def add_option(parser: argparse._ActionsContainer, what: str) -> None:
    """Add `--shard`; `what` is one item of the work."""
    parser.add_argument(
        "--shard",
        type=options.shard,
        help=f"I/N: every N-th {what} from I, counted from 0 (default: RANK of WORLD_SIZE and "
        "SLURM_ARRAY_TASK_ID of SLURM_ARRAY_TASK_COUNT where a launcher sets them, else all)",
    )


def chosen(given: tuple[int, int] | None) -> tuple[int, int]:
    """Give (I, N): what was given, else what the launcher says, else all of it.

    Raises:
        InputError: naming the variables, if they make no sense.
    """
    if given is not None:
        return given
    share = _slurm_share().within(*_process_of_launch())
    return share.index, share.count


def _process_of_launch() -> tuple[int, int]:
    count = _number("WORLD_SIZE", 1)
    if count == 1:
        return 0, 1
    rank = _number("RANK")
    if rank >= count:
        raise InputError(f"RANK={rank} of WORLD_SIZE={count} does not exist; give --shard I/N")
    return rank, count


def _slurm_share() -> Share:
    count = _number("SLURM_ARRAY_TASK_COUNT", 1)
    if count == 1:
        return WHOLE
    task = _number("SLURM_ARRAY_TASK_ID")
    first, stride = _number("SLURM_ARRAY_TASK_MIN", 0), max(1, _number("SLURM_ARRAY_TASK_STEP", 1))
    index, rest = divmod(task - first, stride)
    if rest or not 0 <= index < count:
        raise InputError(
            f"SLURM_ARRAY_TASK_ID={task} is none of {count} tasks numbered from {first} by {stride}; "
            "give --shard I/N"
        )
    return Share(index, count)


def _number(name: str, default: int | None = None) -> int:
    """Read a whole number of the environment; one that is not set has a default, or is an error."""
    text = os.environ.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit()) or (name.endswith(("SIZE", "COUNT")) and int(text) == 0):
        raise InputError(f"{name}={text!r} is no number to take a shard from; give --shard I/N")
    return int(text)
